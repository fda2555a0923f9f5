"""Doors that boxes block, against a flood over a fine grid, and at the thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.kernels import stages
from envs.hide_and_seek.kernels.constants import NOWHERE
from envs.hide_and_seek.kernels.state import allocate_passages
from envs.hide_and_seek.layouts import build_layouts, walls_of
from envs.hide_and_seek.levels import LEVELS
from envs.hide_and_seek.spaces import BOX_SLOTS
from tests.envs.flood import CELL, GRAIN, RADIUS, Rects, flood, free_grid, random_boxes


def blocked(rects: Rects, num_walls: int, door: np.ndarray) -> bool:
    """rects: the walls, then four boxes."""
    assert len(rects) == num_walls + BOX_SLOTS
    solids = np.ascontiguousarray(rects.astype(np.float32).T)
    room = allocate_passages(len(rects), 2)
    stages.enclose(solids, len(rects), room.rects)
    return bool(stages.is_blocked(door.astype(np.float32), num_walls, room))


ZONE = float(stages.DOOR_ZONE)


def passes(rects: Rects, door: np.ndarray, radius: float) -> bool:
    """Whether a disc gets through a door on the fine grid, with what stands in its zone only."""
    low = np.maximum(rects[:, :2] - rects[:, 2:], door[:2] - ZONE)
    high = np.minimum(rects[:, :2] + rects[:, 2:], door[:2] + ZONE)
    here = np.all(low < high, axis=1)
    parts = np.hstack([(low + high) / 2, (high - low) / 2])[here]
    along = int(door[3] > door[2])
    for side in (-1.0, 1.0):  # the wall goes on
        frame = door.copy()
        frame[along] += side * (door[2 + along] + 2.0)
        frame[2 + along] = 2.0
        parts = np.vstack([parts, frame])
    axis = np.arange(-ZONE - 0.4, ZONE + 0.4, CELL)
    free = free_grid(parts, door[0] + axis, door[1] + axis, radius)
    free = free if along == 0 else free.T  # the wall runs along the rows now
    columns = np.arange(len(axis))
    reached = flood(free, np.zeros(len(axis), np.int64), columns)
    return bool(reached[-1].any())


WALL_Y = 6.0
DOOR = np.array([6.0, WALL_Y, 0.5, 0.1])
DOORWAY = np.array([[2.75, WALL_Y, 2.75, 0.1], [9.25, WALL_Y, 2.75, 0.1], [7.4, 8.0, 0.1, 2.0]])
ABSENT = np.array([float(NOWHERE), float(NOWHERE), 0.0, 0.0])
BORDER = np.array([[-1, 6, 1, 8], [13, 6, 1, 8], [6, -1, 8, 1], [6, 13, 8, 1]], float)


@pytest.mark.parametrize("turned", [False, True])
def test_blocked_doors_agree_with_a_flood(turned: bool) -> None:
    """Random boxes around a door beside a corner; also at the arena's border."""
    rng = np.random.default_rng(int(turned))
    answers = []
    for _ in range(400):
        boxes = random_boxes(rng, BOX_SLOTS)
        boxes[:, :2] = DOOR[:2] + rng.uniform(-1.8, 1.8, (BOX_SLOTS, 2))
        boxes[int(rng.integers(1, 5)) :] = ABSENT
        rects, door = np.vstack([DOORWAY, boxes]), DOOR.copy()
        shift = rng.choice([0.0, 5.1])  # then the opening ends 0.4 m from the border
        rects[:, 0] += shift
        door[0] += shift
        if turned:
            rects, door = rects[:, [1, 0, 3, 2]], door[[1, 0, 3, 2]]
        everything = np.vstack([rects, BORDER])
        if passes(everything, door, RADIUS + CELL / 2):
            answers.append(False)
        elif not passes(everything, door, RADIUS - 0.003 - GRAIN):
            answers.append(True)
        else:
            continue
        assert blocked(rects, len(DOORWAY), door) == answers[-1]
    assert len(answers) > 320
    assert 0.1 < np.mean(answers) < 0.9


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([6.0, WALL_Y, 0.6, 0.6], True),
        ([6.0, WALL_Y + 0.1 + 0.495 + 0.6, 0.6, 0.6], True),  # in front of it, a gap at the wall
        ([6.0, WALL_Y + 0.1 + 0.497 + 0.6, 0.6, 0.6], False),
        ([6.0, WALL_Y, 0.006, 0.2], True),  # a gap on either side of it
        ([5.99, WALL_Y, 0.006, 0.2], False),
        ([6.0, WALL_Y, 0.003, 0.2], False),
        ([6.0, WALL_Y + 0.65, 0.2, 0.2], True),  # from the frame's corners to its corners
        ([6.0, WALL_Y + 0.7, 0.2, 0.2], False),
        ([6.6, WALL_Y + 0.5, 0.6, 0.2], False),
        ([6.0, WALL_Y - 3.0, 2.0, 0.6], False),
        (ABSENT, False),
    ],
)
def test_the_width_of_gap_that_lets_through_a_door(box: list[float], expected: bool) -> None:
    rects = np.vstack([DOORWAY, [box], np.tile(ABSENT, (3, 1))])
    assert blocked(rects, len(DOORWAY), DOOR) == expected


@pytest.mark.parametrize("level", [name for name, level in LEVELS.items() if level.has_doors])
def test_every_door_of_an_arena_is_open_until_a_box_stands_in_it(level: str) -> None:
    bank = build_layouts(level, 12, 5)
    assert bank.num_doors.all()
    for layout in range(12):
        walls = walls_of(bank, layout)
        for door in bank.doors[layout, : bank.num_doors[layout]]:
            for half, expected in ((0.6, True), (0.001, False)):
                box = np.array([*door[:2], half, half])
                rects = np.vstack([walls, [box], np.tile(ABSENT, (3, 1))])
                assert blocked(rects, len(walls), door) == expected
