"""Walks on maps against a search without shortcuts, and what a map says of a world."""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np
import pytest

from envs.hide_and_seek.players import maps
from envs.hide_and_seek.players.maps import ACROSS, CELL, CELLS, ROW, SIDE, STRAIGHT, UNREACHED
from envs.hide_and_seek.players.state import allocate_maps


def walled(seed: int, layers: int = 1) -> np.ndarray:
    """A map with a third of its cells blocked."""
    free = np.zeros((layers, ROW, ROW), np.uint8)
    free[:, 1:-1, 1:-1] = np.random.default_rng(seed).random((layers, SIDE, SIDE)) > 0.33
    return free.reshape(-1)


def neighbors(free: np.ndarray, cell: int) -> list[tuple[int, int]]:
    """The cells that one move leads to, and what it costs."""
    found = []
    for dr in (-ROW, 0, ROW):
        for dc in (-1, 0, 1):
            other = cell + dr + dc
            corner = free[cell + dr] and free[cell + dc]
            if other != cell and free[other] and (corner or not (dr and dc)):
                found.append((other, ACROSS if dr and dc else STRAIGHT))
    if len(free) > CELLS:
        other = cell + CELLS if cell < CELLS else cell - CELLS
        if free[[other, other - 1, other + 1, other - ROW, other + ROW]].all():
            found.append((other, maps.TURNING))
    return found


def cheapest(free: np.ndarray, sources: list[int]) -> np.ndarray:
    costs = np.full(len(free), UNREACHED)
    waiting = [(0, cell) for cell in sources]
    costs[sources] = 0
    while waiting:
        cost, cell = heapq.heappop(waiting)
        for other, price in neighbors(free, cell):
            if cost + price < costs[other]:
                costs[other] = cost + price
                heapq.heappush(waiting, (cost + price, other))
    return costs


@pytest.mark.parametrize("layers", [1, 2])
def test_walks_are_the_cheapest(layers: int) -> None:
    free, scratch = walled(layers, layers), allocate_maps(8)
    sources = np.flatnonzero(free)[[100, 2000]]
    costs = np.zeros(len(free), np.int32)
    maps.walk_from(free, sources, costs, scratch.queue, scratch.filled)
    assert np.array_equal(costs, cheapest(free, sources.tolist()))
    assert UNREACHED in costs[free == 1]  # pockets: otherwise this would say less


@pytest.mark.parametrize("seed", range(5))
def test_walks_up_to_the_nearest_goal_are_those_of_all(seed: int) -> None:
    free, scratch = walled(seed), allocate_maps(8)
    source, *goals = np.random.default_rng(seed).choice(np.flatnonzero(free), 4)
    every, some = np.zeros((2, CELLS), np.int32)
    maps.walk_from(free, np.array([source]), every, scratch.queue, scratch.filled)
    maps.walk_until(free, np.array([source]), np.array(goals), some, scratch.queue, scratch.filled)
    nearest = every[goals].min()
    assert nearest < UNREACHED
    known = every <= nearest
    assert np.array_equal(some[known], every[known])
    assert (some[~known] > nearest).all()
    assert (some[~known] == UNREACHED).sum() > (every[~known] == UNREACHED).sum()  # it stopped


@pytest.mark.parametrize("layers", [1, 2])
def test_a_path_is_made_of_moves(layers: int) -> None:
    free, scratch = walled(layers, layers), allocate_maps(8)
    source = int(np.flatnonzero(free)[100])
    costs = np.zeros(len(free), np.int32)
    maps.walk_from(free, np.array([source]), costs, scratch.queue, scratch.filled)
    goal = int(np.argmax(np.where(costs < UNREACHED, costs, -1)))
    length = maps.path_to(free, costs, goal, scratch.path)
    path = scratch.path[:length].tolist()
    assert (path[0], path[-1]) == (goal, source)
    prices = [dict(neighbors(free, there))[here] for here, there in pairwise(path)]
    assert sum(prices) == costs[goal]
    blocked = int(np.flatnonzero((costs == UNREACHED) & (free == 1))[0])
    assert maps.path_to(free, costs, blocked, scratch.path) == 0


def test_a_map_frees_the_places_where_a_disc_fits() -> None:
    free = np.zeros(CELLS, np.uint8)
    x, y, half_x, half_y, radius = 5.03, 6.41, 0.9, 0.2, 0.25
    maps.free_all(free, radius)
    maps.block(free, x, y, half_x, half_y, radius)
    axis = (np.arange(ROW) - 0.5) * CELL
    gap_x = np.maximum(np.abs(axis - x) - half_x, 0.0)
    gap_y = np.maximum(np.abs(axis - y) - half_y, 0.0)[:, None]
    slack = maps.SLACK
    inside = (axis >= radius - slack) & (axis <= 12.0 - radius + slack)
    fits = (np.hypot(gap_x, gap_y) > radius - slack) & inside & inside[:, None]
    assert np.array_equal(free.reshape(ROW, ROW) == 1, fits)


def test_a_cell_is_around_its_middle() -> None:
    for cell in (ROW + 1, ROW + SIDE, SIDE * ROW + 1, 4711):
        x, y = maps.middle_of(cell)
        assert maps.cell_at(x, y) == maps.cell_at(x + 0.06, y - 0.06) == cell
    assert maps.cell_at(-3.0, 20.0) == SIDE * ROW + 1


def test_the_next_place_can_be_walked_to_straight() -> None:
    free, scratch = np.zeros(CELLS, np.uint8), allocate_maps(8)
    maps.free_all(free, 0.25)
    maps.block(free, 6.0, 3.0, 0.1, 3.0, 0.25)  # a wall with a way around its upper end
    source, goal = maps.cell_at(5.0, 3.0), maps.cell_at(7.0, 3.0)
    maps.walk_from(free, np.array([source]), scratch.costs, scratch.queue, scratch.filled)
    x, y = maps.next_place(free, scratch.costs, scratch.path, 5.0, 3.0, goal, 7.0, 3.0)
    assert maps.is_straight(free, 5.0, 3.0, x, y)
    assert y > 3.7

    def next_to(x: float, y: float) -> tuple[float, float]:
        cell = maps.cell_at(x, y)
        return maps.next_place(free, scratch.costs, scratch.path, 5.0, 3.0, cell, x, y)

    assert next_to(5.0, 3.5) == (5.0, 3.5)
    assert next_to(6.0, 3.0) == (5.0, 3.0)  # in the wall: no way
