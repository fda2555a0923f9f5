"""Where something fits in a world, shortest walks through it, and straight ways.

A map is [CELLS] uint8, 1 = free, in rows of ROW cells of 0.125 m. The outermost cells lie outside
of the arena and are never free, so that every cell of the arena has eight neighbors. A cell is
known by its flat index. The game's own grid of 0.25 m is too coarse here: it misses most of the
gaps that a disc just fits through.

What has two ways to lie has a map of two layers, [2 * CELLS], and can turn from one to the other
where the other one has room all around.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import ARENA
from envs.hide_and_seek.players.jit import kernel

CELL = 0.125  # meters
SIDE = 96  # cells along the arena
ROW = SIDE + 2
CELLS = ROW * ROW
STRAIGHT, ACROSS = 5, 7  # costs of a move; 7 is 1% short of the diagonal
TURNING = 7  # the cost of a turn to the other layer
PER_METER = STRAIGHT / CELL  # cost of a meter
UNREACHED = 1 << 30  # the cost of a cell that no walk reaches
BUCKETS = 8  # more than the dearest move

SLACK = 0.01  # a disc or an object that touches a wall still fits
_ARENA = float(ARENA)
_LOOK_AHEAD = 12  # cells of a path that are cut short where the straight way is free
_PUSH = 0.2  # meters: to what is nearer than one push carries, nobody would push
_SNAP = 4  # cells around a place in which a free one is looked for


@kernel
def numbers(rect):
    """A rectangle [4], of any layout in memory, as wide numbers: each type is compiled anew."""
    return np.float64(rect[0]), np.float64(rect[1]), np.float64(rect[2]), np.float64(rect[3])


@kernel
def cell_at(x, y):
    """The cell of a point; of one outside the arena the nearest in it."""
    column = min(max(int(x / CELL), 0), SIDE - 1)
    row = min(max(int(y / CELL), 0), SIDE - 1)
    return (row + 1) * ROW + column + 1


@kernel
def middle_of(cell):
    """The middle x, y of a cell, meters."""
    return (cell % ROW - 0.5) * CELL, (cell // ROW - 0.5) * CELL


@kernel
def span_of(low, high):
    """The first column (or row) whose middle is at `low` or beyond, and the last up to `high`."""
    first = max(int(np.ceil(low / CELL + 0.5)), 1)
    last = min(int(np.floor(high / CELL + 0.5)), SIDE)
    return first, last


@kernel
def free_all(free, radius):
    """Frees every cell around which a disc is inside the border."""
    free[:] = 0
    first, last = span_of(radius - SLACK, _ARENA - radius + SLACK)
    for row in range(first, last + 1):
        free[row * ROW + first : row * ROW + last + 1] = 1


@kernel
def block(free, x, y, half_x, half_y, radius):
    """Blocks the cells around which a disc overlaps a rectangle; radius 0: those within it."""
    radius = max(radius - SLACK, 0.0)
    first_c, last_c = span_of(x - half_x - radius, x + half_x + radius)
    first_r, last_r = span_of(y - half_y - radius, y + half_y + radius)
    for row in range(first_r, last_r + 1):
        gap_y = max(abs((row - 0.5) * CELL - y) - half_y, 0.0)
        for column in range(first_c, last_c + 1):
            gap_x = max(abs((column - 0.5) * CELL - x) - half_x, 0.0)
            if gap_x * gap_x + gap_y * gap_y <= radius * radius:
                free[row * ROW + column] = 0


@kernel
def walk_from(free, sources, costs, queue, filled):
    """Fills costs, int32, with the cheapest walk to each cell from any of some, UNREACHED = none.

    Args:
        free: the map, of one or two layers as costs; the sources [K] need not be free.
        queue: [BUCKETS, 2 * CELLS] int32 scratch; filled [BUCKETS] int64 scratch.
    """
    walk_until(free, sources, sources[:0], costs, queue, filled)


@kernel
def walk_until(free, sources, goals, costs, queue, filled):
    """The same up to the nearest of some cells; cells that are farther may have any higher cost.

    Dijkstra with a circle of buckets (Dial 1969); no move cuts a corner.

    Args:
        goals: [G] int64, the cells; without any, or if none is reached, all walks are found.
    """
    costs[:] = UNREACHED
    filled[:] = 0
    for source in sources:
        costs[source] = 0
        queue[0, filled[0]] = source
        filled[0] += 1
    waiting, cost = filled[0], 0
    while waiting > 0:
        bucket = cost % BUCKETS
        for k in range(filled[bucket]):
            cell = queue[bucket, k]
            if costs[cell] != cost:
                continue  # reached more cheaply since
            if free.shape[0] > CELLS:
                other = cell + CELLS if cell < CELLS else cell - CELLS
                room = free[other - 1] & free[other + 1] & free[other - ROW] & free[other + ROW]
                if free[other] & room and cost + TURNING < costs[other]:
                    costs[other] = cost + TURNING
                    target = (cost + TURNING) % BUCKETS
                    queue[target, filled[target]] = other
                    filled[target] += 1
                    waiting += 1
            for dr in range(-ROW, ROW + 1, ROW):
                for dc in range(-1, 2):
                    other = cell + dr + dc
                    across = dr != 0 and dc != 0
                    if not free[other] or (across and not (free[cell + dr] and free[cell + dc])):
                        continue
                    price = cost + (ACROSS if across else STRAIGHT)
                    if price < costs[other]:
                        costs[other] = price
                        target = price % BUCKETS
                        queue[target, filled[target]] = other
                        filled[target] += 1
                        waiting += 1
        waiting -= filled[bucket]
        filled[bucket] = 0
        for goal in goals:
            if costs[goal] <= cost:
                return
        cost += 1


@kernel
def nearest_free(free, x, y):
    """The free cell nearest to a point, within half a meter; -1 if there is none."""
    middle = cell_at(x, y)
    row, column = middle // ROW, middle % ROW
    best, least = -1, 1e9
    for r in range(max(row - _SNAP, 1), min(row + _SNAP, SIDE) + 1):
        for c in range(max(column - _SNAP, 1), min(column + _SNAP, SIDE) + 1):
            if free[r * ROW + c]:
                dx, dy = (c - 0.5) * CELL - x, (r - 0.5) * CELL - y
                if dx * dx + dy * dy < least:
                    best, least = r * ROW + c, dx * dx + dy * dy
    return best


@kernel
def cost_near(free, costs, x, y):
    """The cost of the walk to the free cell nearest to a point, UNREACHED = none."""
    cell = nearest_free(free, x, y)
    return UNREACHED if cell < 0 else int(costs[cell])


@kernel
def cost_at(free, costs, x, y):
    """The same, but UNREACHED too where what walks does not fit at the point itself."""
    cell = nearest_free(free, x, y)
    if cell < 0:
        return UNREACHED
    cell_x, cell_y = middle_of(cell)
    fits = max(abs(cell_x - x), abs(cell_y - y)) < 1.5 * CELL
    return int(costs[cell]) if fits else UNREACHED


@kernel
def path_to(free, costs, goal, path):
    """Fills path [2 * CELLS] int64 with the walk from the goal back to where `costs` starts.

    Returns how many cells it has, both ends included; 0 if there is no way.
    """
    if costs[goal] >= UNREACHED:
        return 0
    length, cell = 0, goal
    path[0] = cell
    while costs[cell] > 0:
        step = cell
        if free.shape[0] > CELLS:
            other = cell + CELLS if cell < CELLS else cell - CELLS
            if costs[other] == costs[cell] - TURNING:
                step = other
        for dr in range(-ROW, ROW + 1, ROW):
            for dc in range(-1, 2):
                other = cell + dr + dc
                across = dr != 0 and dc != 0
                if across and not (free[cell + dr] and free[cell + dc]):
                    continue
                if costs[other] == costs[cell] - (ACROSS if across else STRAIGHT):
                    step = other
        cell = step
        length += 1
        path[length] = cell
    return length + 1


@kernel
def is_straight(free, x0, y0, x1, y1):
    """Whether all cells on the straight line between two points are free, but for the first."""
    steps = int(2.0 * max(abs(x1 - x0), abs(y1 - y0)) / CELL) + 1
    for k in range(1, steps + 1):
        share = k / steps
        if not free[cell_at(x0 + share * (x1 - x0), y0 + share * (y1 - y0))]:
            return False
    return True


@kernel
def next_place(free, costs, path, x, y, goal, goal_x, goal_y):
    """The point to steer for on the way to a point in cell `goal`.

    That is the farthest place of the next meters to which the straight way is free.

    Args:
        costs: of the walks from x, y.
        path: [CELLS] int64 scratch.

    Returns:
        x, y; where one stands if there is no way.
    """
    length = path_to(free, costs, goal, path)
    if length == 0:
        return x, y
    if length <= 2:
        return goal_x, goal_y
    for k in range(max(length - 1 - _LOOK_AHEAD, 0), length - 2):
        next_x, next_y = (goal_x, goal_y) if k == 0 else middle_of(path[k])
        if is_straight(free, x, y, next_x, next_y):
            return next_x, next_y
    for k in range(length - 2, 0, -1):
        next_x, next_y = middle_of(path[k])
        if max(abs(next_x - x), abs(next_y - y)) > _PUSH:
            return next_x, next_y
    return goal_x, goal_y
