"""Where discs get to, found slowly: a flood over a fine grid; and random places and boxes."""

from __future__ import annotations

import numba
import numpy as np

RADIUS, SIDE = 0.25, 12.0
CELL = 0.03
GRAIN = CELL * 0.75  # farther than any point of a cell is from its middle
Rects = np.ndarray  # [W, 4], center and half sides


@numba.njit
def flood(free, rows, columns):
    """What a walk over free [R, C] from any of the cells reaches, up, down and sideways."""
    reached = np.zeros(free.shape, np.bool_)
    waiting = [(rows[k], columns[k]) for k in range(len(rows))]
    while len(waiting) > 0:
        r, c = waiting.pop()
        if r < 0 or c < 0 or r >= free.shape[0] or c >= free.shape[1]:
            continue
        if reached[r, c] or not free[r, c]:
            continue
        reached[r, c] = True
        waiting += [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]
    return reached


def free_grid(rects: Rects, axis_x: np.ndarray, axis_y: np.ndarray, radius: float) -> np.ndarray:
    """Where a disc clears the rectangles, [Y, X]."""
    free = np.ones((len(axis_y), len(axis_x)), np.bool_)
    for cx, cy, hx, hy in rects.astype(float):
        gap_x = np.maximum(np.abs(axis_x - cx) - hx, 0.0)
        gap_y = np.maximum(np.abs(axis_y - cy) - hy, 0.0)
        free &= gap_x**2 + gap_y[:, None] ** 2 >= radius**2
    return free


def ways(rects: Rects, points: np.ndarray, goals: np.ndarray, radius: float) -> np.ndarray:
    """Which goals [G, 2] a disc gets to from which points [P, 2] on the fine grid, [P, G] bool."""
    axis = np.arange(CELL / 2, SIDE, CELL)
    inside = (axis >= radius) & (axis <= SIDE - radius)
    free = free_grid(rects, axis, axis, radius) & inside & inside[:, None]
    cells, ends = (points / CELL).astype(np.int64), (goals / CELL).astype(np.int64)
    for column, row in cells:  # a start next to a solid: its cell's middle may be in there
        free[row, column] = True
    reached = [flood(free, cells[k : k + 1, 1], cells[k : k + 1, 0]) for k in range(len(cells))]
    return np.array([grid[ends[:, 1], ends[:, 0]] for grid in reached])


def surely(rects: Rects, points: np.ndarray, goals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between which points and goals there surely is a way, and surely none, [P, G] each.

    Between two neighbours of the grid a disc gets nearer to a solid by half a cell at most; beside
    every way there are cells that are nearer by `GRAIN` at most.
    """
    a_way = ways(rects, points, goals, RADIUS + CELL / 2)
    return a_way, ~ways(rects, points, goals, RADIUS - 0.003 - GRAIN)


def clear_points(rng: np.random.Generator, rects: Rects, count: int) -> np.ndarray:
    """Random places of discs, [count, 2]."""
    points = np.empty((0, 2))
    while len(points) < count:
        spot = rng.uniform(RADIUS, SIDE - RADIUS, 2)
        gaps = np.maximum(np.abs(rects[:, :2] - spot) - rects[:, 2:], 0.0)
        if np.all(np.hypot(*gaps.T) >= RADIUS):
            points = np.vstack([points, spot])
    return points


def random_boxes(rng: np.random.Generator, count: int) -> Rects:
    halves = np.array([[0.6, 0.6], [1.0, 0.2], [0.2, 1.0]])[rng.integers(0, 3, count)]
    return np.hstack([rng.uniform(0.3, SIDE - 0.3, (count, 2)), halves])
