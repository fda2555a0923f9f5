"""Which boxes and ramps an arena has, and where each may start: so that nobody is shut in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.hide_and_seek.arenas import Arena, cell_axis
from envs.hide_and_seek.kernels.constants import (
    ARENA,
    BOX_HALF,
    PLANK_LONG,
    PLANK_SHORT,
    RADIUS,
    RAMP_HALF,
)
from envs.hide_and_seek.levels import Level
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS

_SIDE = float(ARENA)
_PASSAGE = 2 * float(RADIUS) + 0.05  # around a box, for an agent
_RAMP_GAP = 0.05  # agents walk over a ramp
_NEAR_DOOR = 2.0
_MOST_PLACES = 128


@dataclass(frozen=True)
class ObjectPlaces:
    """The objects of one arena: half sides [6, 2], 0 = absent; the places [P, 2] of each."""

    half: np.ndarray
    places: list[np.ndarray]


def draw_objects(
    arena: Arena,
    level: Level,
    rng: np.random.Generator,
    num_boxes: int | None = None,
    num_ramps: int | None = None,
) -> ObjectPlaces:
    """Draws the objects of an arena; cubes come first, then planks, then ramps.

    Args:
        num_boxes, num_ramps: how many; None = as many as the level has. Boxes that it does not
            have of itself are cubes and start anywhere.
    """
    half = np.zeros((NUM_OBJECTS, 2), np.float32)
    places = [np.zeros((0, 2), np.float32)] * NUM_OBJECTS
    boxes = int(rng.integers(level.boxes[0], level.boxes[1] + 1))
    planks = int(rng.integers(level.planks[0], level.planks[1] + 1))
    if num_boxes is not None:
        boxes, planks = num_boxes, min(planks, num_boxes)
    for box in range(boxes):
        if box < boxes - planks:
            half[box] = BOX_HALF
        else:
            half[box] = PLANK_LONG, PLANK_SHORT
            if rng.integers(2):
                half[box] = half[box, ::-1]
        extra = box >= level.boxes[1]
        places[box] = _box_places(arena, half[box], "anywhere" if extra else level.box_zone, rng)
    for ramp in range(BOX_SLOTS, BOX_SLOTS + (level.num_ramps if num_ramps is None else num_ramps)):
        half[ramp] = RAMP_HALF
        places[ramp] = _subsample(clear_places(arena, half[ramp], _RAMP_GAP), rng)
    return ObjectPlaces(half, places)


def _box_places(arena: Arena, half: np.ndarray, zone: str, rng: np.random.Generator) -> np.ndarray:
    """The start places of a box in a zone of the arena (see `Level.box_zone`), [P, 2]."""
    found = clear_places(arena, half, _PASSAGE)
    if zone != "anywhere" and arena.room is not None:
        x0, y0, x1, y1 = arena.room
        found = found[np.all((found > (x0, y0)) & (found < (x1, y1)), axis=1)]
    if zone == "near a door":
        doors = np.array([door[:2] for door in arena.doors])
        far = np.linalg.norm(found[:, None] - doors, axis=-1).min(axis=1)
        found = found[far <= _NEAR_DOOR + half.max()]
    return _subsample(found, rng)


def clear_places(arena: Arena, half: np.ndarray, gap: float) -> np.ndarray:
    """Where a rectangle keeps `gap` to walls, doors and border, on the 0.25 m grid: [P, 2]."""
    axis = cell_axis()
    rects = np.array([*arena.walls, *arena.doors], np.float32).reshape(-1, 4)
    reach_x, reach_y = (rects[:, 2 + k, None] + half[k] + gap for k in range(2))
    covers_x = np.abs(axis - rects[:, 0, None]) < reach_x
    covers_y = np.abs(axis - rects[:, 1, None]) < reach_y
    taken = np.einsum("wy,wx->yx", covers_y.astype(int), covers_x.astype(int)) > 0
    inside = [(axis >= half[k] + gap) & (axis <= _SIDE - half[k] - gap) for k in range(2)]
    free = inside[1][:, None] & inside[0] & ~taken
    rows, columns = np.nonzero(free)
    return np.stack([axis[columns], axis[rows]], axis=-1)


def _subsample(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if len(places) <= _MOST_PLACES:
        return places
    chosen = rng.choice(len(places), _MOST_PLACES, replace=False)
    return places[np.sort(chosen)]
