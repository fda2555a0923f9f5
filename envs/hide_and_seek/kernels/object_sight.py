"""Which objects an agent sees, and which are in its reach. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import F0, REACH
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.targets import gap_squared, nearest_point
from envs.hide_and_seek.kernels.vision import in_cone, line_is_clear
from envs.hide_and_seek.spaces import NUM_OBJECTS

_REACH_SQUARED = REACH * REACH
_INTO = np.float32(1e-4)  # a point this far inside a box is not hidden by the box


@inlined
def is_seen(x, y, heading, to_x, to_y, rules, walls, num_walls):
    """Whether an agent at x, y sees a point inside an object."""
    if not in_cone(to_x - x, to_y - y, heading, rules.cos_half_view, rules.vision_range):
        return False
    return line_is_clear(x, y, to_x, to_y, walls, num_walls)


@inlined
def look_at_objects(world, objects, n, num_blind, rules, walls, num_walls):
    """Fills objects.sees_objects[n] and objects.near[n], a bit for each object.

    Seen is what shows its middle; near what shows its nearest point, not farther than REACH. An
    agent up on an obstacle has nothing near, the first `num_blind` agents see nothing either.

    walls [4, W]: the `surroundings` of the world.
    """
    pos, rects = world.pos[n], objects.object_rect[n]
    for a in range(pos.shape[0]):
        x, y, heading = pos[a, 0], pos[a, 1], world.heading[n, a]
        seen, near = 0, 0
        for k in range(NUM_OBJECTS):
            rect = rects[k]
            if a < num_blind or rect[2] == F0:
                continue
            if is_seen(x, y, heading, rect[0], rect[1], rules, walls, num_walls):
                seen |= 1 << k
            if objects.climb[n, a] > 0 or gap_squared(rect, x, y) > _REACH_SQUARED:
                continue
            to_x, to_y = nearest_point(rect, x, y, _INTO)
            if is_seen(x, y, heading, to_x, to_y, rules, walls, num_walls):
                near |= 1 << k
        objects.sees_objects[n, a] = seen
        objects.near[n, a] = near
