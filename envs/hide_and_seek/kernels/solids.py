"""What stops discs, rays and lines: the walls of a world and its boxes, in one array."""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import ABUT, F0, NOWHERE
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.lanes import LANES, any_lane, larger, load, store
from envs.hide_and_seek.spaces import BOX_SLOTS


@inlined
def put_box(solids, num_walls, rects, box):
    """Copies box `box` of rects [6, 4] to its place behind the walls."""
    for k in range(4):
        solids[k, num_walls + box] = rects[box, k]


@inlined
def join_solids(walls, num_walls, rects, solids):
    """Fills solids [4, S] with walls [4, W] and the boxes of rects [6, 4].

    Box b stands at num_walls + b, whether it is present or not. Returns how many there are up to
    the last box that is present; the rest, up to whole eights with all boxes, is out of reach.
    """
    for k in range(4):
        for first in range(0, num_walls, LANES):
            store(solids[k], first, load(walls[k], first))
    num_solids = num_walls
    for box in range(BOX_SLOTS):
        put_box(solids, num_walls, rects, box)
        if rects[box, 2] > F0:
            num_solids = num_walls + box + 1
    end = (num_walls + BOX_SLOTS + LANES - 1) // LANES * LANES
    for place in range(num_walls + BOX_SLOTS, end):
        solids[0, place], solids[1, place] = NOWHERE, NOWHERE
        solids[2, place], solids[3, place] = 0.0, 0.0
    return num_solids


@inlined
def abuts(rect, solids, num_solids):
    """Whether rect [4] is at most ABUT away from some solid, in x and in y."""
    reach_x, reach_y = rect[2] + ABUT, rect[3] + ABUT
    for first in range(0, num_solids, LANES):
        x, y = load(solids[0], first), load(solids[1], first)
        gap_x = larger(x - rect[0], rect[0] - x) - load(solids[2], first)
        gap_y = larger(y - rect[1], rect[1] - y) - load(solids[3], first)
        if any_lane((gap_x <= reach_x) & (gap_y <= reach_y)):
            return True
    return False
