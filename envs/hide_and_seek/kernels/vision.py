"""Who sees whom: lines of sight, cones. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import COS, F0, F1, FAR, SIN
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.lanes import LANES, any_lane, larger, load, smaller
from envs.hide_and_seek.kernels.presence import is_there

_TINY = np.float32(1e-9)
_EDGE = np.float32(1e-6)  # a target right on the cone's edge counts as inside


@inlined
def inverse(value):
    """1 / value, and FAR where value is (nearly) 0."""
    if abs(value) < _TINY:
        return FAR
    return F1 / value


@inlined
def line_is_clear(x0, y0, x1, y1, walls, num_walls):
    """Whether the straight line between two points crosses no wall (touching is no crossing).

    A wall that an end of the line lies in is not crossed: who is up on an obstacle stands above
    it, and the middle of a box is not hidden by the box.

    The slab test of Kay and Kajiya (1986), with the line's ends at parameters 0 and 1.
    """
    inv_x, inv_y = inverse(x1 - x0), inverse(y1 - y0)
    for first in range(0, num_walls, LANES):
        to_x, to_y = load(walls[0], first) - x0, load(walls[1], first) - y0
        half_x, half_y = load(walls[2], first), load(walls[3], first)
        x_0, x_1 = (to_x - half_x) * inv_x, (to_x + half_x) * inv_x
        y_0, y_1 = (to_y - half_y) * inv_y, (to_y + half_y) * inv_y
        enter = larger(smaller(x_0, x_1), smaller(y_0, y_1))
        leave = smaller(larger(x_0, x_1), larger(y_0, y_1))
        if any_lane((enter < leave) & (enter > F0) & (leave < F1)):
            return False
    return True


@inlined
def in_cone(dx, dy, heading, cos_half_view, vision_range):
    """Whether a point dx, dy away lies in the cone around `heading` (full angle 2 acos(...))."""
    distance = np.sqrt(dx * dx + dy * dy)
    ahead = dx * COS[heading] + dy * SIN[heading]
    return distance <= vision_range and ahead >= cos_half_view * distance - _EDGE


@inlined
def update_sight(pos, heading, num_blind, cos_half_view, vision_range, walls, num_walls, sees):
    """Fills sees [A, A]: i sees j when j is in i's cone and the line between them is clear.

    The first `num_blind` agents see nobody. Agents do not hide each other; who does not take part
    sees nobody and is not seen.
    """
    num_agents = pos.shape[0]
    for i in range(num_agents):
        sees[i, i] = False
        for j in range(i + 1, num_agents):
            if not is_there(pos, i) or not is_there(pos, j):
                sees[i, j] = sees[j, i] = False
                continue
            dx, dy = pos[j, 0] - pos[i, 0], pos[j, 1] - pos[i, 1]
            i_faces = i >= num_blind and in_cone(dx, dy, heading[i], cos_half_view, vision_range)
            j_faces = j >= num_blind and in_cone(-dx, -dy, heading[j], cos_half_view, vision_range)
            # The line is tested once for both, so that sight is exactly mutual.
            clear = (i_faces or j_faces) and line_is_clear(
                pos[i, 0], pos[i, 1], pos[j, 0], pos[j, 1], walls, num_walls
            )
            sees[i, j] = i_faces and clear
            sees[j, i] = j_faces and clear
