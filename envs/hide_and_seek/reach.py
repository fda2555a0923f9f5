"""Where the seekers can get to and what is shut, as a picture shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from envs.hide_and_seek.kernels.constants import ARENA, RADIUS
from envs.hide_and_seek.kernels.presence import team_ends
from envs.hide_and_seek.kernels.separation import (
    BORDERS,
    MOST_POINTS,
    SLACK,
    find_apart,
)
from envs.hide_and_seek.kernels.stages import enclose, find_ground, is_blocked, is_sealed
from envs.hide_and_seek.kernels.state import allocate_passages
from envs.hide_and_seek.layouts import walls_of
from envs.hide_and_seek.spaces import BOX_SLOTS

if TYPE_CHECKING:
    from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv


def sheltered_cells(env: HideAndSeekBatchEnv, world: int, cells: int = 60) -> np.ndarray:
    """Where a disc could stand that no seeker can get to, as `sealed` counts it.

    Args:
        env: the worlds.
        world: which of them.
        cells: along each side of the arena.

    Returns:
        [cells, cells] bool, row = y, column = x from the lower left corner; True where the middle
        of the cell is clear of walls, boxes and border by a radius and no way leads there.
    """
    solids = solids_of(env, world)
    pos = env.world.pos[world]
    end_seekers, _ = team_ends(pos, env.rules.num_seekers)
    places = pos[:end_seekers].copy()
    packed = np.ascontiguousarray(solids.T)
    for place, climb in zip(places, env.objects.climb[world], strict=False):
        if climb > 0:
            find_ground(place[0], place[1], packed, len(solids), place)
    return cells_apart(solids, places, cells)


def has_sealed(env: HideAndSeekBatchEnv, world: int) -> bool:
    """Whether no way leads from any seeker to any hider now, as `sealed` counts it."""
    solids = solids_of(env, world)
    room = allocate_passages(len(solids), env.world.pos.shape[1])
    packed = np.ascontiguousarray(solids.T)
    enclose(packed, len(solids), room.rects)
    return bool(
        is_sealed(
            *(env.world.pos[world], env.objects.climb[world], env.rules.num_seekers),
            *(packed, len(solids), room),
        )
    )


def blocked_doors(env: HideAndSeekBatchEnv, world: int) -> np.ndarray:
    """Which doors of its arena nobody fits through now, [D] bool, as `door_blocked` counts them."""
    layout = int(env.world.layout[world])
    solids = solids_of(env, world)
    room = allocate_passages(len(solids), 0)
    enclose(np.ascontiguousarray(solids.T), len(solids), room.rects)
    doors = env.layouts.doors[layout, : env.layouts.num_doors[layout]]
    num_walls = env.layouts.num_walls[layout]  # of the type that the step compiled it for
    return np.array([is_blocked(door, num_walls, room) for door in doors], np.bool_)


def solids_of(env: HideAndSeekBatchEnv, world: int) -> np.ndarray:
    """The walls of a world, then its boxes, present or not: [S, 4] float32."""
    walls = walls_of(env.layouts, int(env.world.layout[world]))
    return np.concatenate([walls, env.objects.object_rect[world, :BOX_SLOTS]])


def cells_apart(solids: np.ndarray, places: np.ndarray, cells: int) -> np.ndarray:
    """The cells where a disc could stand that none at `places` [K, 2] can get to.

    solids: [S, 4] float32, center and half sides. Returns [cells, cells] bool, see
    `sheltered_cells`.
    """
    axis = ((np.arange(cells) + 0.5) * (float(ARENA) / cells)).astype(np.float32)
    free = is_clear(solids, axis)
    rows, columns = np.nonzero(free)
    points = np.stack([axis[columns], axis[rows]], axis=1)
    sheltered = np.zeros(len(points), np.bool_)
    room = allocate_passages(len(solids), MOST_POINTS)
    enclose(np.ascontiguousarray(solids.T), len(solids), room.rects)
    num_from = len(places)
    for first in range(0, len(points), MOST_POINTS - num_from):
        part = points[first : first + MOST_POINTS - num_from]
        everyone = np.concatenate([places, part]).astype(np.float32)
        find_apart(
            *(room.rects, len(solids) + BORDERS, everyone, len(everyone), num_from),
            *(room.order, room.met, room.apart),
        )
        nowhere = np.bitwise_and.reduce(room.apart[:num_from])
        bits = nowhere >> np.arange(num_from, len(everyone)) & 1
        sheltered[first : first + len(part)] = bits > 0
    grid = np.zeros((cells, cells), np.bool_)
    grid[rows, columns] = sheltered
    return grid


def is_clear(solids: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Where a disc fits: [C, C] bool for the middles axis [C] x axis [C], row = y."""
    radius = float(RADIUS - SLACK)
    inside = (axis >= radius) & (axis <= float(ARENA) - radius)
    gap_x = np.maximum(np.abs(axis - solids[:, :1]) - solids[:, 2:3], 0.0)
    gap_y = np.maximum(np.abs(axis - solids[:, 1:2]) - solids[:, 3:], 0.0)
    near = gap_x[:, None, :] ** 2 + gap_y[:, :, None] ** 2 < radius**2
    return inside[:, None] & inside & ~near.any(axis=0)
