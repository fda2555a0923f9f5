"""Walking distances on the 0.25 m grid of one layout, for connectivity and for the shaping."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import CELLS, COARSE
from envs.hide_and_seek.kernels.jit import kernel

# Costs in units of 0.05 m: 0.25 m straight, 0.35 m across (1% short of the diagonal).
_STRAIGHT, _ACROSS = 5, 7
_COST_PER_UNIT = 2  # a table counts in 0.1 m
_UNREACHABLE = np.uint8(255)
_BUCKETS = 8  # more than the dearest move, so that no bucket is refilled while it is emptied


@kernel
def walk_costs(free, source, queue, costs):
    """Fills costs [48 * 48] with the cheapest walk from cell `source`, -1 = no way.

    Dijkstra with a circle of buckets (Dial 1969); no move cuts a corner.

    Args:
        free: [48, 48] bool, where a disc fits; source: flat index of a free cell.
        queue: [8, 8 * 48 * 48] int32 scratch.
    """
    waiting_in = np.zeros(_BUCKETS, np.int64)
    costs[:] = -1
    queue[0, 0] = source
    waiting_in[0] = 1
    waiting, cost = 1, 0
    while waiting > 0:
        bucket = cost % _BUCKETS
        for k in range(waiting_in[bucket]):
            cell = queue[bucket, k]
            waiting -= 1
            if costs[cell] >= 0:
                continue
            costs[cell] = cost
            row, column = cell // CELLS, cell % CELLS
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    r, c = row + dr, column + dc
                    if r < 0 or r >= CELLS or c < 0 or c >= CELLS or not free[r, c]:
                        continue
                    if costs[r * CELLS + c] >= 0 or not (free[row, c] and free[r, column]):
                        continue
                    move = _ACROSS if dr != 0 and dc != 0 else _STRAIGHT
                    target = (cost + move) % _BUCKETS
                    queue[target, waiting_in[target]] = r * CELLS + c
                    waiting_in[target] += 1
                    waiting += 1
        waiting_in[bucket] = 0
        cost += 1


@kernel
def reachable(free, source):
    """How many cells of free [48, 48] a walk from `source` reaches, itself included."""
    queue = np.empty((_BUCKETS, _BUCKETS * CELLS * CELLS), np.int32)
    costs = np.empty(CELLS * CELLS, np.int32)
    walk_costs(free, source, queue, costs)
    return np.sum(costs >= 0)


@kernel
def nearest_free(free, row, column):
    """The flat index of the free 0.25 m cell nearest to the middle of a 0.5 m cell."""
    middle_r, middle_c = 2.0 * row + 0.5, 2.0 * column + 0.5
    best, best_distance = -1, 1e9
    for r in range(CELLS):
        for c in range(CELLS):
            distance = (r - middle_r) ** 2 + (c - middle_c) ** 2
            if free[r, c] and distance < best_distance:
                best, best_distance = r * CELLS + c, distance
    return best


@kernel
def fill_distance_table(free, table):
    """Fills table [576, 576] uint8 with walks between 0.5 m cells in 0.1 m, at most 25.5 m."""
    places = np.empty(COARSE * COARSE, np.int64)
    for place in range(COARSE * COARSE):
        places[place] = nearest_free(free, place // COARSE, place % COARSE)
    queue = np.empty((_BUCKETS, _BUCKETS * CELLS * CELLS), np.int32)
    costs = np.empty(CELLS * CELLS, np.int32)
    for start in range(COARSE * COARSE):
        walk_costs(free, places[start], queue, costs)
        for end in range(COARSE * COARSE):
            cost = costs[places[end]]
            units = cost // _COST_PER_UNIT
            table[start, end] = _UNREACHABLE if cost < 0 or units > 255 else units
