"""Who is walled off from whom: exact, without a grid. One world at a time.

A disc stays out of every solid grown by its radius. Two points are apart when some closed line
inside the grown solids runs around one of them and not the other (a closed curve divides the
plane), and as the solids are convex, only lines from middle to middle of solids that overlap once
grown have to be looked at: the cycles of a graph. A ray from a point along the x axis meets such a
line an odd number of times if the line runs around the point. So one walk through the graph, which
notes for each solid which points' rays were met an odd number of times on the way to it, finds
for each further edge which points its cycle runs around.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import ARENA, F0, F1, HALF, RADIUS
from envs.hide_and_seek.kernels.jit import bare, inlined

# A disc may stand up to 1 mm inside a wall (see physics); as much again keeps rounding out of it.
SLACK = np.float32(0.002)
# A gap of this many meters or more lets a disc through, a narrower one does not.
NARROW = np.float32(2.0) * (RADIUS - SLACK)
BORDERS = 4
MOST_POINTS = 62  # they are the bits of an int64


@inlined
def is_shut(rects, i, j):
    """Whether no disc fits between rectangles i and j of rects [4, M]."""
    gap_x = max(abs(rects[0, i] - rects[0, j]) - rects[2, i] - rects[2, j], F0)
    gap_y = max(abs(rects[1, i] - rects[1, j]) - rects[3, i] - rects[3, j], F0)
    return gap_x * gap_x + gap_y * gap_y < NARROW * NARROW


@inlined
def between(rects, i, j, axis):
    """The middle of the gap or of the overlap of rectangles i and j along one axis."""
    low = max(rects[axis, i] - rects[axis + 2, i], rects[axis, j] - rects[axis + 2, j])
    high = min(rects[axis, i] + rects[axis + 2, i], rects[axis, j] + rects[axis + 2, j])
    return HALF * (low + high)


@inlined
def is_met(x, y, x0, y0, x1, y1):
    """Whether the ray from x, y along the x axis meets the line from 0 to 1."""
    if (y0 > y) == (y1 > y):
        return False
    return (x1 - x0) * (y - y0) / (y1 - y0) + x0 > x


@bare
def rays_met(rects, i, j, points, num_points):
    """A bit for each point whose ray meets the line from middle i to middle j oddly often.

    The line bends between the two, so that it stays inside the grown rectangles.
    """
    bend_x, bend_y = between(rects, i, j, 0), between(rects, i, j, 1)
    bits = 0
    for k in range(num_points):
        x, y = points[k, 0], points[k, 1]
        first = is_met(x, y, rects[0, i], rects[1, i], bend_x, bend_y)
        if first != is_met(x, y, bend_x, bend_y, rects[0, j], rects[1, j]):
            bits |= 1 << k
    return bits


@inlined
def divide(apart, num_from, cycle, everybody):
    """Notes in apart [num_from] what a line around the points of `cycle` keeps apart."""
    for k in range(num_from):
        apart[k] |= (everybody & ~cycle) if (cycle >> k) & 1 else cycle


@bare
def find_apart(rects, count, points, num_points, num_from, order, met, apart):
    """Finds which points no disc can go between.

    Args:
        rects: [4, M] float32, the first `count` of them: solids and the `add_borders`.
        points: [P, 2] float32, at most 62 of them, clear of the rectangles.
        num_from: of how many points, the first ones, it is asked.
        order, met: [M] int64 scratch.
        apart: [num_from or more] int64, a bit for each point that point k has no way to.
    """
    everybody = (1 << num_points) - 1
    for k in range(num_from):
        apart[k] = 0
    for i in range(count):
        order[i] = i
    known = 0  # order: the rectangles done, up to `known` those found, then the others
    for done in range(count):
        i = order[done]
        if done == known:
            met[i] = 0
            known += 1
        for place in range(done + 1, count):
            j = order[place]
            if not is_shut(rects, i, j):
                continue
            bits = met[i] ^ rays_met(rects, i, j, points, num_points)
            if place >= known:
                met[j] = bits
                order[place], order[known] = order[known], j
                known += 1
            elif bits != met[j]:
                divide(apart, num_from, bits ^ met[j], everybody)


@bare
def are_joined(rects, count, order):
    """Whether a chain of rectangles without a gap for a disc leads from the first to the second.

    rects [4, M], the first `count` of them; order [M] int64 scratch.
    """
    for i in range(count):
        order[i] = i
    known = 1
    for done in range(count):
        if done == known:
            return False
        for place in range(known, count):
            i = order[place]
            if is_shut(rects, order[done], i):
                if i == 1:
                    return True
                order[place], order[known] = order[known], i
                known += 1
    return False


@bare
def add_borders(rects, count):
    """Puts the outside of the arena behind the first `count` of rects [4, M], as four more."""
    middle, beyond = HALF * ARENA, ARENA + F1
    for k in range(BORDERS):
        along = k % 2
        rects[along, count + k] = -F1 if k < 2 else beyond
        rects[1 - along, count + k] = middle
        rects[along + 2, count + k] = F1
        rects[3 - along, count + k] = middle + F1 + F1
