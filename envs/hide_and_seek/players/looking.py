"""What can be seen from where. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.vision import line_is_clear
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import ROW, SIDE, UNREACHED, middle_of
from envs.hide_and_seek.players.walking import place_of

_EVERY = 2  # cells between two that are tried


@kernel
def is_open(scene, x0, y0, x1, y1):
    """Whether the line between two points crosses no wall and no box."""
    x0, y0, x1, y1 = np.float32(x0), np.float32(y0), np.float32(x1), np.float32(y1)
    return line_is_clear(x0, y0, x1, y1, scene.solids, scene.num_solids)


@kernel
def nearest_sight(scene, x, y):
    """The cell with the cheapest walk from which a point can be seen; -1 if none is reached.

    `scene.costs` are the walks.
    """
    best, least = -1, UNREACHED
    for row in range(1, SIDE + 1, _EVERY):
        for column in range(1, SIDE + 1, _EVERY):
            cell = row * ROW + column
            if scene.costs[cell] < least:
                from_x, from_y = middle_of(cell)
                if is_open(scene, from_x, from_y, x, y):
                    best, least = cell, int(scene.costs[cell])
    return best


@kernel
def is_watched(scene, x, y):
    """Whether a point is in some seeker's line of sight, wherever it looks."""
    for a in range(scene.end_seekers):
        from_x, from_y = place_of(scene, a)
        if is_open(scene, from_x, from_y, x, y):
            return True
    return False
