"""The bank of arenas: drawn from a seed, checked, packed into arrays.

Every arena is one piece for an agent's disc (no pocket to be locked up in) and has room to start
for the largest teams. Rectangles are (center x, center y, half width, half height) in meters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from envs.hide_and_seek.arenas import GENERATORS, Arena, Rect, cell_axis
from envs.hide_and_seek.kernels.constants import ARENA, COARSE, NOWHERE, RADIUS
from envs.hide_and_seek.kernels.grid import fill_distance_table, reachable
from envs.hide_and_seek.kernels.lanes import LANES
from envs.hide_and_seek.kernels.state import Layouts
from envs.hide_and_seek.levels import LEVELS, Level
from envs.hide_and_seek.object_places import ObjectPlaces, draw_objects
from envs.hide_and_seek.spaces import NUM_OBJECTS

_SIDE = float(ARENA)
_CLEAR = float(RADIUS)
_SPAWN_CLEAR = _CLEAR + 0.1  # see kernels/spawn.py
# Two other agents take at most 26 places each from the last one; five when the teams share a zone.
_ENOUGH_PLACES = 26 * 5 + 1
_ATTEMPTS = 200
_OBJECTS = 1  # the objects of a bank have a random stream of their own, so that walls stay


@cache
def cell_centers() -> np.ndarray:
    """The middles of the grid's cells, [48, 48, 2] (row = y, column = x), meters; read only."""
    centers = np.stack(np.meshgrid(cell_axis(), cell_axis()), axis=-1)
    centers.flags.writeable = False
    return centers


def free_cells(walls: np.ndarray, clearance: float) -> np.ndarray:
    """Where a disc of radius `clearance` clears walls [W, 4] and border: [48, 48] bool."""
    axis = cell_axis()
    inside = (axis >= clearance) & (axis <= _SIDE - clearance)
    free = inside[:, None] & inside
    # Along each side alone as long as possible: a grid has few rows and columns, but many cells.
    gap_x = np.maximum(np.abs(axis - walls[:, :1]) - walls[:, 2:3], 0.0)
    gap_y = np.maximum(np.abs(axis - walls[:, 1:2]) - walls[:, 3:], 0.0)
    for x, y in zip(gap_x**2, gap_y**2, strict=True):
        free &= np.sqrt(x + y[:, None]) >= clearance
    return free


def _spawn_places(arena: Arena, walls: np.ndarray, level: Level) -> tuple[np.ndarray, np.ndarray]:
    """The start places of seekers and hiders, [S, 2] each."""
    centers, free = cell_centers(), free_cells(walls, _SPAWN_CLEAR)
    if arena.room is None:
        return centers[free], centers[free]
    x0, y0, x1, y1 = arena.room
    x, y = centers[..., 0], centers[..., 1]
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    return centers[free & ~inside], centers[free & inside if level.hiders_inside else free]


def _is_playable(walls: np.ndarray, spawns: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether the free space is one piece with enough room for both teams to start."""
    if min(len(places) for places in spawns) < _ENOUGH_PLACES:
        return False
    free = free_cells(walls, _CLEAR)
    return bool(reachable(free, int(np.flatnonzero(free)[0])) == free.sum())


@dataclass(frozen=True)
class _Layout:
    """One arena of the bank."""

    level: int
    walls: np.ndarray  # [W, 4]
    spawns: tuple[np.ndarray, np.ndarray]  # [S, 2] of each team
    doors: np.ndarray  # [D, 4]
    objects: ObjectPlaces


def _draw_arena(
    name: str, rng: np.random.Generator
) -> tuple[Arena, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Draws a playable arena, also as walls [W, 4] and the start places of either team."""
    level = LEVELS[name]
    generate = GENERATORS[level.arena or name][1]
    for _ in range(_ATTEMPTS):
        arena = generate(rng)
        walls = _rects(arena.walls)
        spawns = _spawn_places(arena, walls, level)
        if _is_playable(walls, spawns):
            return arena, walls, spawns
    raise RuntimeError(f"no playable arena for level {name} in {_ATTEMPTS} attempts")


def _draw_level(
    index: int, name: str, num_layouts: int, seed: int, num_objects: tuple[int | None, int | None]
) -> list[_Layout]:
    """Draws the layouts of a level; walls, doors and spawns depend on no number of objects."""
    level = LEVELS[name]
    source = [seed, GENERATORS[level.arena or name][0]]
    arenas, objects = np.random.default_rng(source), np.random.default_rng([*source, _OBJECTS])
    drawn = []
    for _ in range(num_layouts):
        arena, walls, spawns = _draw_arena(name, arenas)
        placed = draw_objects(arena, level, objects, *num_objects)
        drawn.append(_Layout(index, walls, spawns, _rects(arena.doors), placed))
    return drawn


def _rects(rects: list[Rect]) -> np.ndarray:
    return np.array(rects, np.float32).reshape(-1, 4)


def pack_walls(walls: np.ndarray, size: int) -> np.ndarray:
    """Walls [W, 4] as kernels take them, [4, size rounded up]; the others are out of reach."""
    packed = np.zeros((4, -(-size // LANES) * LANES), np.float32)
    packed[:2] = NOWHERE
    packed[:, : len(walls)] = walls.T
    return packed


def walls_of(bank: Layouts, layout: int) -> np.ndarray:
    """The walls of one layout, [W, 4]."""
    return bank.walls[layout, :, : bank.num_walls[layout]].T


def build_layouts(
    levels: str | tuple[str, ...],
    num_layouts: int,
    seed: int,
    num_boxes: int | None = None,
    num_ramps: int | None = None,
) -> Layouts:
    """A bank of playable arenas, without distance tables; a function of its arguments.

    Args:
        levels: one, or several whose layouts follow one another.
        num_layouts: of each level.
        num_boxes, num_ramps: see `draw_objects`.
    """
    names = (levels,) if isinstance(levels, str) else levels
    drawn = [
        layout
        for index, name in enumerate(names)
        for layout in _draw_level(index, name, num_layouts, seed, (num_boxes, num_ramps))
    ]
    most_walls = max(len(one.walls) for one in drawn)
    spawns, num_spawns = _padded([team for one in drawn for team in one.spawns])
    places, num_places = _padded([each for one in drawn for each in one.objects.places])
    doors, num_doors = _padded([one.doors for one in drawn])
    return Layouts(
        walls=np.stack([pack_walls(one.walls, most_walls) for one in drawn]),
        num_walls=np.array([len(one.walls) for one in drawn], np.int32),
        spawns=spawns.reshape(len(drawn), 2, -1, 2),
        num_spawns=num_spawns.reshape(len(drawn), 2),
        distances=np.zeros((1, 1, 1), np.uint8),
        level=np.array([one.level for one in drawn], np.int32),
        object_half=np.stack([one.objects.half for one in drawn]),
        object_places=places.reshape(len(drawn), NUM_OBJECTS, -1, 2),
        num_object_places=num_places.reshape(len(drawn), NUM_OBJECTS),
        doors=doors,
        num_doors=num_doors,
    )


def _padded(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Arrays [n, C] of any n as one [K, N, C] with zeros behind, N at least 1; and each n [K]."""
    counts = np.array([len(array) for array in arrays], np.int32)
    joined = np.zeros((len(arrays), max(1, counts.max()), arrays[0].shape[1]), np.float32)
    for row, array in zip(joined, arrays, strict=True):
        row[: len(array)] = array
    return joined, counts


def has_distances(layouts: Layouts) -> bool:
    """Whether the distance tables, which only the shaping needs, are there."""
    return layouts.distances.shape[1] > 1


def with_distances(bank: Layouts) -> Layouts:
    """The bank with its walking-distance tables filled, [L, 576, 576] uint8."""
    num_places = COARSE * COARSE
    tables = np.empty((len(bank.num_walls), num_places, num_places), np.uint8)
    for k, table in enumerate(tables):
        fill_distance_table(free_cells(walls_of(bank, k), _CLEAR), table)
    return bank._replace(distances=tables)
