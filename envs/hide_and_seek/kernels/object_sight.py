"""Which objects an agent sees, and which are in its reach. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import F0, NOWHERE, REACH
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.targets import gap_squared
from envs.hide_and_seek.kernels.vision import count_crossed, in_cone, line_is_clear
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS

_REACH_SQUARED = REACH * REACH


@inlined
def shows(x, y, to_x, to_y, solids, num_solids, own):
    """Whether the line from x, y to a point of an object crosses no solid but the object itself.

    own: where it stands among the solids; -1 = it is none.
    """
    if own < 0:
        return line_is_clear(x, y, to_x, to_y, solids, num_solids)
    middle = solids[0, own]
    solids[0, own] = NOWHERE
    clear = line_is_clear(x, y, to_x, to_y, solids, num_solids)
    solids[0, own] = middle
    return clear


@inlined
def look_at_objects(world, objects, n, num_blind, rules, walls, num_walls, first_box):
    """Fills objects.sees_objects[n] and objects.near[n], a bit for each object.

    Seen is what shows its middle; near what shows its nearest point, not farther than REACH. An
    agent up on an obstacle has nothing near, the first `num_blind` agents see nothing either.

    Args:
        walls: [4, W], `num_walls` solids, the boxes from `first_box` on; left as they were.
    """
    pos, rects = world.pos[n], objects.object_rect[n]
    cos_half_view, vision_range = rules.cos_half_view, rules.vision_range
    for a in range(pos.shape[0]):
        x, y, heading = pos[a, 0], pos[a, 1], world.heading[n, a]
        seen, near = 0, 0
        for k in range(NUM_OBJECTS):
            rect = rects[k]
            if a < num_blind or rect[2] == F0:
                continue
            is_box = k < BOX_SLOTS
            if in_cone(rect[0] - x, rect[1] - y, heading, cos_half_view, vision_range):
                # A line to the middle of a box always crosses that box.
                hidden_by = count_crossed(x, y, rect[0], rect[1], walls, num_walls)
                if hidden_by == (1 if is_box else 0):
                    seen |= 1 << k
            if objects.climb[n, a] > 0 or gap_squared(rect, x, y) > _REACH_SQUARED:
                continue
            to_x = min(max(x, rect[0] - rect[2]), rect[0] + rect[2])
            to_y = min(max(y, rect[1] - rect[3]), rect[1] + rect[3])
            if in_cone(to_x - x, to_y - y, heading, cos_half_view, vision_range):
                own = first_box + k if is_box else -1
                if shows(x, y, to_x, to_y, walls, num_walls, own):
                    near |= 1 << k
        objects.sees_objects[n, a] = seen
        objects.near[n, a] = near
