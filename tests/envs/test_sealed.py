"""Sealed shelters against floods over a fine grid, and at the width of gap that lets through."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.kernels import stages
from envs.hide_and_seek.kernels.constants import CLIMB_STEPS
from envs.hide_and_seek.kernels.state import allocate_passages
from envs.hide_and_seek.layouts import build_layouts, walls_of
from envs.hide_and_seek.reach import cells_apart
from tests.envs.flood import RADIUS, SIDE, Rects, clear_points, free_grid, random_boxes, surely


def sealed(rects: Rects, points: np.ndarray, seekers: int, climb: int = 0) -> bool:
    solids = np.ascontiguousarray(rects.astype(np.float32).T)
    room = allocate_passages(len(rects), len(points))
    stages.enclose(solids, len(rects), room.rects)
    up = np.full(len(points), climb, np.int32)
    places = points.astype(np.float32)
    return bool(stages.is_sealed(places, up, seekers, solids, len(rects), room))


BANK = build_layouts("L3", 8, 3)


@pytest.mark.parametrize("seed", range(30))
def test_sealed_agrees_with_a_flood(seed: int) -> None:
    """Random boxes in random rooms, many more than a game has, so that shelters come about."""
    rng = np.random.default_rng(seed)
    rects = np.vstack([walls_of(BANK, seed % 8), random_boxes(rng, int(rng.integers(4, 30)))])
    points = clear_points(rng, rects, 6)
    way, no_way = surely(rects, points, points)
    for seekers in (1, 2, 3):
        for end in range(seekers + 1, 7):
            pairs = np.ix_(range(seekers), range(seekers, end))
            if way[pairs].any():
                assert not sealed(rects, points[:end], seekers)
            elif no_way[pairs].all():
                assert sealed(rects, points[:end], seekers)


def test_the_flood_knows_both_answers_mostly() -> None:
    """What the test above compares is neither always the same nor mostly undecided."""
    open_pairs, shut_pairs, pairs = 0, 0, 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rects = np.vstack([walls_of(BANK, seed % 8), random_boxes(rng, int(rng.integers(4, 30)))])
        points = clear_points(rng, rects, 6)
        way, no_way = surely(rects, points, points)
        open_pairs, shut_pairs, pairs = (
            open_pairs + way.sum(),
            shut_pairs + no_way.sum(),
            pairs + 36,
        )
    assert open_pairs + shut_pairs > 0.9 * pairs
    assert min(open_pairs, shut_pairs) > 0.1 * pairs


@pytest.mark.parametrize("seed", range(10))
def test_another_box_never_opens_a_shelter(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    rects = np.vstack([walls_of(BANK, seed % 8), random_boxes(rng, 24)])
    points = clear_points(rng, rects, 4)
    was_sealed = False
    for count in range(len(rects) - 24, len(rects) + 1):
        is_sealed = sealed(rects[:count], points, 2)
        assert is_sealed or not was_sealed
        was_sealed = is_sealed


def across(gap: float) -> Rects:
    """Three boxes and a plank from border to border, with one gap beside the plank."""
    return np.array(
        [
            [6.0, 2.0, 0.6, 2.0],
            [6.3, 5.0, 0.6, 1.0],
            [6.0, 7.0, 0.2, 1.0],
            [6.0, (8.0 + gap + 12.0) / 2, 0.6, (12.0 - 8.0 - gap) / 2],
        ]
    )


def corners(gap: float) -> Rects:
    """Two boxes that meet corner to corner, a diagonal gap apart."""
    step = gap / 2**0.5 / 2
    low, high = 6.0 - step, 6.0 + step
    return np.array(
        [
            [low / 2, low - 1.0, low / 2, 1.0],
            [high + (12.0 - high) / 2, high + 1.0, (12.0 - high) / 2, 1.0],
        ]
    )


def at_border(gap: float) -> Rects:
    return np.array([[6.0, 6.0 - gap / 2, 0.6, 6.0 - gap / 2]])


GAPS = [across, corners, at_border]
LOW, HIGH = np.array([2.0, 2.0]), np.array([10.0, 10.0])


@pytest.mark.parametrize("arena", GAPS)
@pytest.mark.parametrize(("gap", "expected"), [(0.0, True), (0.495, True), (0.497, False)])
def test_the_width_of_gap_that_is_found(arena, gap: float, expected: bool) -> None:
    points = np.array([[2.0, 4.0], [10.0, 8.0]])
    for turned in (False, True):
        rects = arena(gap)
        if turned:
            rects, points = rects[:, [1, 0, 3, 2]], points[:, ::-1]
        assert sealed(rects, points, 1) == expected


def test_one_seeker_inside_or_one_hider_outside_is_enough() -> None:
    wall = across(0.0)
    west, east = [[2.0, 2.0], [3.0, 5.0]], [[10.0, 9.0], [9.0, 2.0]]
    assert sealed(wall, np.array([*west, *east]), 2)
    assert not sealed(wall, np.array([west[0], east[0], east[1]]), 2)
    assert not sealed(wall, np.array([west[0], west[1], east[1]]), 1)
    assert not sealed(wall[:3], np.array([*west, *east]), 2)


def test_who_is_up_counts_from_the_nearest_ground() -> None:
    wall = across(0.0)
    # The last one is beyond the line from middle to middle, but nearer to the side before it.
    for x, y, expected in ((5.75, 2.0, False), (6.25, 2.0, True), (6.24, 4.5, False)):
        points = np.array([[2.0, 2.0], [x, y]])
        assert sealed(wall, points, 1, climb=CLIMB_STEPS) == expected
        clear = np.array([[2.0, 2.0], [10.0, 2.0]])
        assert sealed(wall, clear, 1, climb=CLIMB_STEPS)


@pytest.mark.parametrize("seed", range(6))
def test_sheltered_cells_agree_with_a_flood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rects = np.vstack([walls_of(BANK, seed), random_boxes(rng, 30)])
    seekers = clear_points(rng, rects, 2)
    cells = cells_apart(rects.astype(np.float32), seekers.astype(np.float32), 40)
    axis = (np.arange(40) + 0.5) * SIDE / 40
    inside = (axis > RADIUS) & (axis < SIDE - RADIUS)
    fits = free_grid(rects, axis, axis, RADIUS) & inside & inside[:, None]
    rows, columns = np.nonzero(fits)
    a_way, no_way = surely(rects, seekers, np.stack([axis[columns], axis[rows]], axis=1))
    assert not np.any(cells[rows, columns] & a_way.any(axis=0))
    assert np.all(cells[rows, columns] | ~no_way.all(axis=0))
    assert not np.any(cells & ~free_grid(rects, axis, axis, RADIUS - 0.01))
    assert a_way.any()
    assert no_way.all(axis=0).any()  # so that both have been asked for
