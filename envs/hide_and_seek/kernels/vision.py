"""Who sees whom, and how far the walls are: lines of sight, cones, lidar. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    COS,
    F0,
    F1,
    FAR,
    INV_COS,
    INV_SIN,
    NUM_HEADINGS,
    SIN,
)
from envs.hide_and_seek.kernels.jit import kernel

_TINY = np.float32(1e-9)
_EDGE = np.float32(1e-6)  # a target right on the cone's edge counts as inside


@kernel
def inverse(value):
    """1 / value, and FAR where value is (nearly) 0."""
    if abs(value) < _TINY:
        return FAR
    return F1 / value


@kernel
def line_is_clear(x0, y0, x1, y1, walls, num_walls):
    """Whether the straight line between two points crosses no wall (touching is no crossing).

    The slab test of Kay and Kajiya (1986), with the line's ends at parameters 0 and 1.
    """
    inv_x, inv_y = inverse(x1 - x0), inverse(y1 - y0)
    for w in range(num_walls):
        to_x, to_y = walls[w, 0] - x0, walls[w, 1] - y0
        low_x, high_x = (to_x - walls[w, 2]) * inv_x, (to_x + walls[w, 2]) * inv_x
        low_y, high_y = (to_y - walls[w, 3]) * inv_y, (to_y + walls[w, 3]) * inv_y
        enter = max(min(low_x, high_x), min(low_y, high_y))
        leave = min(max(low_x, high_x), max(low_y, high_y))
        if enter < leave and leave > F0 and enter < F1:
            return False
    return True


@kernel
def in_cone(dx, dy, heading, cos_half_view, vision_range):
    """Whether a point dx, dy away lies in the cone around `heading` (full angle 2 acos(...))."""
    distance = np.sqrt(dx * dx + dy * dy)
    ahead = dx * COS[heading] + dy * SIN[heading]
    return distance <= vision_range and ahead >= cos_half_view * distance - _EDGE


@kernel
def update_sight(pos, heading, num_blind, cos_half_view, vision_range, walls, num_walls, sees):
    """Fills sees [A, A]: i sees j when j is in i's cone and the line between them is clear.

    The first `num_blind` agents see nobody. Agents do not hide each other.
    """
    num_agents = pos.shape[0]
    for i in range(num_agents):
        sees[i, i] = False
        for j in range(i + 1, num_agents):
            dx, dy = pos[j, 0] - pos[i, 0], pos[j, 1] - pos[i, 1]
            i_faces = i >= num_blind and in_cone(dx, dy, heading[i], cos_half_view, vision_range)
            j_faces = j >= num_blind and in_cone(-dx, -dy, heading[j], cos_half_view, vision_range)
            # The line is tested once for both, so that sight is exactly mutual.
            clear = (i_faces or j_faces) and line_is_clear(
                pos[i, 0], pos[i, 1], pos[j, 0], pos[j, 1], walls, num_walls
            )
            sees[i, j] = i_faces and clear
            sees[j, i] = j_faces and clear


@kernel
def cast_rays(x, y, lidar_range, walls, num_walls, rays):
    """Fills rays [32]: meters from x, y to the nearest wall or border, at most lidar_range.

    Ray k points along heading k of the arena's frame. Walls outside, rays inside: this order
    vectorizes and is several times faster than the other.
    """
    for k in range(NUM_HEADINGS):
        to_x = (ARENA - x if COS[k] > F0 else -x) * INV_COS[k]
        to_y = (ARENA - y if SIN[k] > F0 else -y) * INV_SIN[k]
        rays[k] = min(min(abs(to_x), abs(to_y)), lidar_range)
    for w in range(num_walls):
        low_x, high_x = walls[w, 0] - walls[w, 2] - x, walls[w, 0] + walls[w, 2] - x
        low_y, high_y = walls[w, 1] - walls[w, 3] - y, walls[w, 1] + walls[w, 3] - y
        for k in range(NUM_HEADINGS):
            x_0, x_1 = low_x * INV_COS[k], high_x * INV_COS[k]
            y_0, y_1 = low_y * INV_SIN[k], high_y * INV_SIN[k]
            enter = max(max(min(x_0, x_1), min(y_0, y_1)), F0)
            leave = min(max(x_0, x_1), max(y_0, y_1))
            hit = enter if enter <= leave else FAR
            rays[k] = min(rays[k], hit)
