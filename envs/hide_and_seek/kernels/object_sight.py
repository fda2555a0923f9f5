"""Which objects an agent sees, and which are in its reach. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import F0, NOWHERE, REACH
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.targets import gap_squared
from envs.hide_and_seek.kernels.vision import in_cone, line_is_clear
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS

_REACH_SQUARED = REACH * REACH


@inlined
def is_hidden(x, y, to_x, to_y, solids, num_solids, own):
    """Whether the line from x, y to a point of an object crosses a solid.

    own: where the object itself stands among the solids, which does not count; -1 = it is none.
    """
    if own < 0:
        return not line_is_clear(x, y, to_x, to_y, solids, num_solids)
    middle = solids[0, own]
    solids[0, own] = NOWHERE
    clear = line_is_clear(x, y, to_x, to_y, solids, num_solids)
    solids[0, own] = middle
    return not clear


@inlined
def is_seen(x, y, heading, to_x, to_y, rules, solids, num_solids, own):
    """Whether an agent at x, y sees a point of an object. own: see `is_hidden`."""
    if not in_cone(to_x - x, to_y - y, heading, rules.cos_half_view, rules.vision_range):
        return False
    return not is_hidden(x, y, to_x, to_y, solids, num_solids, own)


@inlined
def look_at_objects(world, objects, n, num_blind, rules, walls, num_walls):
    """Fills objects.sees_objects[n] and objects.near[n], a bit for each object.

    Seen is what shows its middle; near what shows its nearest point, not farther than REACH. An
    agent up on an obstacle has nothing near, the first `num_blind` agents see nothing either.

    Args:
        walls: [4, W], the last four of the first `num_walls` are the boxes; left as they were.
    """
    pos, rects = world.pos[n], objects.object_rect[n]
    first_box = num_walls - BOX_SLOTS
    for a in range(pos.shape[0]):
        x, y, heading = pos[a, 0], pos[a, 1], world.heading[n, a]
        seen, near = 0, 0
        for k in range(NUM_OBJECTS):
            rect = rects[k]
            if a < num_blind or rect[2] == F0:
                continue
            own = first_box + k if k < BOX_SLOTS else -1
            if is_seen(x, y, heading, rect[0], rect[1], rules, walls, num_walls, own):
                seen |= 1 << k
            if objects.climb[n, a] > 0 or gap_squared(rect, x, y) > _REACH_SQUARED:
                continue
            to_x = min(max(x, rect[0] - rect[2]), rect[0] + rect[2])
            to_y = min(max(y, rect[1] - rect[3]), rect[1] + rect[3])
            if is_seen(x, y, heading, to_x, to_y, rules, walls, num_walls, own):
                near |= 1 << k
        objects.sees_objects[n, a] = seen
        objects.near[n, a] = near
