"""How far the walls are: 32 rays from a place, one along each heading of the arena's frame."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    COS,
    F0,
    INV_COS,
    INV_SIN,
    NUM_HEADINGS,
    SIN,
)
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.lanes import LANES, choose, larger, load, smaller, store

# Eight rays of a quarter turn each: the headings from 0, 8, 16 and 24 on.
_COS_0, _COS_1, _COS_2, _COS_3 = (np.ascontiguousarray(q) for q in np.split(INV_COS, 4))
_SIN_0, _SIN_1, _SIN_2, _SIN_3 = (np.ascontiguousarray(q) for q in np.split(INV_SIN, 4))


@inlined
def shorten(rays, near_x, far_x, near_y, far_y):
    """Eight rays, ended where they meet a rectangle.

    The slab test of Kay and Kajiya (1986).

    Args:
        rays: their lengths so far.
        near_x, far_x: the lengths at which they reach and leave the rectangle's span in x.
        near_y, far_y: the same in y.
    """
    enter = larger(larger(near_x, near_y), F0)
    leave = smaller(far_x, far_y)
    return choose(enter <= leave, smaller(rays, enter), rays)


@bare
def cast_rays(x, y, lidar_range, walls, num_walls, rays):
    """Fills rays [64]: meters from x, y to the nearest wall or border, at most lidar_range.

    Ray k points along heading k; the 32 are there twice, so that the rays from any heading on lie
    side by side. Which edge of a wall is the near one is known from a ray's quarter, but for the
    rays along an axis: their inverse direction across it is +FAR in every quarter.
    """
    for k in range(NUM_HEADINGS):
        to_x = (ARENA - x if COS[k] > F0 else -x) * INV_COS[k]
        to_y = (ARENA - y if SIN[k] > F0 else -y) * INV_SIN[k]
        rays[k] = min(min(abs(to_x), abs(to_y)), lidar_range)
    first, second = load(rays, 0), load(rays, LANES)
    third, fourth = load(rays, 2 * LANES), load(rays, 3 * LANES)
    for w in range(num_walls):
        low_x, high_x = walls[0, w] - walls[2, w] - x, walls[0, w] + walls[2, w] - x
        low_y, high_y = walls[1, w] - walls[3, w] - y, walls[1, w] + walls[3, w] - y
        cos, sin = load(_COS_0, 0), load(_SIN_0, 0)
        first = shorten(first, low_x * cos, high_x * cos, low_y * sin, high_y * sin)
        cos, sin = load(_COS_1, 0), load(_SIN_1, 0)
        a, b = low_x * cos, high_x * cos
        second = shorten(second, smaller(a, b), larger(a, b), low_y * sin, high_y * sin)
        cos, sin = load(_COS_2, 0), load(_SIN_2, 0)
        a, b = low_y * sin, high_y * sin
        third = shorten(third, high_x * cos, low_x * cos, smaller(a, b), larger(a, b))
        cos, sin = load(_COS_3, 0), load(_SIN_3, 0)
        fourth = shorten(fourth, low_x * cos, high_x * cos, high_y * sin, low_y * sin)
    for turn in range(0, 2 * NUM_HEADINGS, NUM_HEADINGS):
        store(rays, turn, first)
        store(rays, turn + LANES, second)
        store(rays, turn + 2 * LANES, third)
        store(rays, turn + 3 * LANES, fourth)
