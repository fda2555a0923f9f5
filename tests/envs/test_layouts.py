"""The bank of arenas: sound, varied, reproducible; and the walking distances on it."""

from __future__ import annotations

import hashlib
import itertools
import math

import numpy as np
import pytest

from envs.hide_and_seek import layouts as bank_module
from envs.hide_and_seek.arenas import Arena
from envs.hide_and_seek.kernels.state import Layouts
from envs.hide_and_seek.layouts import (
    build_layouts,
    cell_centers,
    free_cells,
    has_distances,
    walls_of,
    with_distances,
)
from envs.hide_and_seek.levels import LEVELS

LEVEL_NAMES = list(LEVELS)


@pytest.fixture(params=LEVEL_NAMES)
def bank(request: pytest.FixtureRequest) -> Layouts:
    return build_layouts(request.param, 12, seed=3)


def flood(free: np.ndarray) -> np.ndarray:
    """Cells in one piece with the first free one, by steps to the four neighbors."""
    reached = np.zeros_like(free)
    reached[tuple(np.argwhere(free)[0])] = True
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= free
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def test_free_space_is_one_piece(bank: Layouts) -> None:
    for k in range(len(bank.walls)):
        free = free_cells(walls_of(bank, k), 0.25)
        assert np.array_equal(flood(free), free)


def test_a_pocket_is_refused() -> None:
    sealed = [
        (6.0, 2.0, 2.1, 0.1),
        (6.0, 6.0, 2.1, 0.1),
        (4.0, 4.0, 0.1, 2.1),
        (8.0, 4.0, 0.1, 2.1),
    ]
    walls = np.array(sealed, np.float32)
    spawns = bank_module._spawn_places(Arena(), walls, LEVELS["L0"])
    assert not bank_module._is_playable(walls, spawns)
    assert bank_module._is_playable(walls[:3], spawns)


def test_spawn_places_keep_clear_of_walls_and_leave_room_for_the_largest_teams(
    bank: Layouts,
) -> None:
    for k in range(len(bank.walls)):
        for team in range(2):
            places = bank.spawns[k, team, : bank.num_spawns[k, team]].astype(float)
            assert len(places) > 26 * 5  # each other agent takes at most 26 of them
            walls = walls_of(bank, k).astype(float)
            gaps = np.abs(places[:, None] - walls[:, :2]) - walls[:, 2:]
            to_walls = np.linalg.norm(np.maximum(gaps, 0.0), axis=-1)
            to_border = np.minimum(places, 12.0 - places)
            assert to_walls.min() >= 0.35 - 1e-6
            assert to_border.min() >= 0.35 - 1e-6


@pytest.mark.parametrize("level", ["L1", "L2"])
def test_hiders_start_inside_and_seekers_outside(level: str) -> None:
    bank = build_layouts(level, 12, seed=0)
    for k in range(12):
        seekers, hiders = (bank.spawns[k, t, : bank.num_spawns[k, t]] for t in range(2))
        low, high = hiders.min(axis=0), hiders.max(axis=0)
        outside = np.any((seekers < low) | (seekers > high), axis=1)
        assert outside.all()
        assert np.all(high - low > 2.0)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_same_seed_same_bank_and_other_seed_other_bank(level: str) -> None:
    first, again, other = (build_layouts(level, 6, seed) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(first.num_spawns, other.num_spawns)
    assert len(np.unique(first.num_spawns[:, 0])) > 1  # and the arenas of a bank differ


HASHES = {  # of walls and start places: 8 layouts of seeds 0 and 7
    "L0": ("91a44b16f0dbc036", "729273c044f1b94d"),
    "L1": ("7b2d4c3f1ab38b8a", "5ccba433db7115eb"),
    "L2": ("0196cb49100108c0", "096d2aae3e82c6e4"),
    "L3": ("ed08a95c3db8810e", "066d9cc5680cb4a1"),
}


@pytest.mark.parametrize("level", HASHES)
def test_arenas_never_change(level: str) -> None:
    """States in checkpoints hold numbers of layouts, and where agents stand in them."""
    for seed, expected in zip((0, 7), HASHES[level], strict=True):
        bank, found = build_layouts(level, 8, seed), hashlib.sha256()
        for k in range(8):
            found.update(np.ascontiguousarray(walls_of(bank, k).T).tobytes())
            for team in range(2):
                found.update(bank.spawns[k, team, : bank.num_spawns[k, team]].tobytes())
        assert found.hexdigest()[:16] == expected


def test_l4_is_l3_with_ramps_and_its_walls() -> None:
    third, fourth = (build_layouts(level, 4, 1) for level in ("L3", "L4"))
    for field in ("walls", "num_walls", "spawns", "doors", "num_doors"):
        assert np.array_equal(getattr(third, field), getattr(fourth, field))


def test_in_the_quadrant_game_hiders_start_anywhere() -> None:
    bank = build_layouts("Q", 30, 0)
    assert 0.3 < (bank.num_doors == 1).mean() < 0.7  # one of the two doors is dropped
    for k in range(30):
        seekers, hiders = (bank.spawns[k, team, : bank.num_spawns[k, team]] for team in range(2))
        everywhere = {tuple(place) for place in hiders.tolist()}
        outside = {tuple(place) for place in seekers.tolist()}
        assert outside < everywhere
        inside = np.array(sorted(everywhere - outside))
        assert np.ptp(inside, axis=0).min() > 3.5  # the room


def test_levels_have_what_their_names_say() -> None:
    counts = {level: build_layouts(level, 20, 0).num_walls for level in LEVEL_NAMES}
    assert np.all((counts["L0"] >= 4) & (counts["L0"] <= 8))
    assert np.all(counts["L1"] == 5)  # four sides, one of them parted by the door
    assert set(counts["L2"]) == {3, 4}  # one door or two
    assert counts["L3"].min() >= 2


def slow_walk(free: np.ndarray, start: tuple[int, int]) -> dict[tuple[int, int], float]:
    """Cheapest walks by relaxing until nothing changes, 0.25 m and 0.35 m moves."""
    cost = {start: 0.0}
    frontier = [start]
    while frontier:
        cell = frontier.pop(0)
        for dr, dc in itertools.product((-1, 0, 1), repeat=2):
            r, c = cell[0] + dr, cell[1] + dc
            if not (0 <= r < 48 and 0 <= c < 48 and free[r, c]):
                continue
            if not (free[cell[0], c] and free[r, cell[1]]):
                continue
            total = cost[cell] + (0.35 if dr and dc else 0.25)
            if total < cost.get((r, c), math.inf) - 1e-9:
                cost[r, c] = total
                frontier.append((r, c))
    return cost


def test_distance_tables_against_slow_walks() -> None:
    bank = with_distances(build_layouts("L3", 2, 5))
    assert has_distances(bank)
    assert not has_distances(build_layouts("L3", 1, 5))
    assert bank.distances.shape == (2, 576, 576)
    centers = cell_centers()
    for k in range(len(bank.walls)):
        free = free_cells(walls_of(bank, k), 0.25)
        assert np.array_equal(bank.distances[k], bank.distances[k].T)
        for row, column in [(3, 4), (20, 15)]:
            middle = (np.array([column, row]) + 0.5) * 0.5
            far = np.linalg.norm(centers - middle, axis=-1)
            start = np.unravel_index(np.argmin(np.where(free, far, np.inf)), free.shape)
            walks = slow_walk(free, (int(start[0]), int(start[1])))
            for r, c in itertools.product(range(0, 24, 3), repeat=2):
                quarter = [(2 * r + i, 2 * c + j) for i in (0, 1) for j in (0, 1)]
                if all(free[cell] for cell in quarter):
                    meters = bank.distances[k, row * 24 + column, r * 24 + c] * 0.1
                    assert meters == pytest.approx(walks[quarter[0]], abs=0.1 + 1e-6)
