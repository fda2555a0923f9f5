"""Boxes before doors: what is called blocked lets no disc through."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.players import bringing, doors, maps
from envs.hide_and_seek.players.maps import CELLS, UNREACHED
from envs.hide_and_seek.players.state import allocate_maps

UPRIGHT = np.array([6.0, 5.0, 0.1, 0.5], np.float32)  # a door in the wall x = 6
LYING = UPRIGHT[[1, 0, 3, 2]]
CUBE, PLANK = (0.6, 0.6), (0.2, 1.0)


def comes_through(rect: np.ndarray) -> bool:
    """Whether a disc gets from one side of the wall x = 6 to the other."""
    free, scratch = np.zeros(CELLS, np.uint8), allocate_maps(8)
    maps.free_all(free, 0.25)
    for wall in ((6.0, 2.25, 0.1, 2.25), (6.0, 8.75, 0.1, 3.25), rect):
        maps.block(free, *map(float, wall), 0.25)
    maps.walk_from(
        free, np.array([maps.cell_at(3.0, 5.0)]), scratch.costs, scratch.queue, scratch.filled
    )
    return bool(scratch.costs[maps.cell_at(9.0, 5.0)] < UNREACHED)


def test_what_blocks_lets_nobody_through() -> None:
    rng = np.random.default_rng(0)
    blocked = 0
    for half in (CUBE, PLANK):
        for across, along in rng.uniform(-1.2, 1.2, (300, 2)):
            rect = np.array([6.0 + across, 5.0 + along, *half], np.float32)
            if doors.is_blocked(UPRIGHT, rect):
                blocked += 1
                assert not comes_through(rect), rect
            turned = rect[[1, 0, 3, 2]]
            assert doors.is_blocked(LYING, turned) == doors.is_blocked(UPRIGHT, rect)
    assert 50 < blocked < 550


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("half", [CUBE, PLANK])
@pytest.mark.parametrize("k", range(doors.SHIFTS))
def test_every_place_before_a_door_blocks_it(side: int, half: tuple[float, float], k: int) -> None:
    across, along = half
    x, y = doors.place_before(UPRIGHT, side, along, across, doors.shift_of(k), 0.02)
    rect = np.array([x, y, *half], np.float32)
    assert doors.is_blocked(UPRIGHT, rect)
    assert doors.gap_of(UPRIGHT, rect) == pytest.approx(0.02, abs=1e-5)
    assert np.sign(x - 6.0) == side
    assert doors.is_inside(UPRIGHT, side, 6.0 + 0.4 * side, 5.0)
    assert not doors.is_inside(UPRIGHT, side, 6.0, 5.0)


def test_the_middle_of_a_turned_plank() -> None:
    assert bringing.turned(0.0, 0.6, 1.0, 0.2) == pytest.approx((0.0, 1.4))  # held from below
    assert bringing.turned(-0.6, 0.3, 0.2, 1.0) == pytest.approx((-1.4, 0.3))  # from the right
    there = bringing.turned(0.0, 0.6, 1.0, 0.2)
    assert bringing.turned(*there, 0.2, 1.0) == pytest.approx((0.0, 0.6))
