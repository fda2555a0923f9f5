"""Walking up to an object from one of its four sides, and grabbing it. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import UNREACHED, cost_at, nearest_free, numbers
from envs.hide_and_seek.players.walking import place_of, walk_to
from envs.hide_and_seek.spaces import GRAB

SIDES = 4  # right, above, left, below
_ARM = 0.35  # from the middle of an agent to the face of what it is about to grab
_NEAR_SPOT = 0.15


@kernel
def normal_of(side):
    """The direction of a side: (1, 0), (0, 1), (-1, 0) or (0, -1)."""
    sign = 1.0 if side < 2 else -1.0
    return (sign, 0.0) if side % 2 == 0 else (0.0, sign)


@kernel
def spot_of(rect, side):
    """Where an agent stands to grab an object [4] from a side, x, y."""
    nx, ny = normal_of(side)
    x, y, half_x, half_y = numbers(rect)
    return x + nx * (half_x + _ARM), y + ny * (half_y + _ARM)


@kernel
def refuse(mind, a):
    """Gives up the object that agent a is about to bring, from the side that it has chosen."""
    if mind.target[a] >= 0 and mind.side[a] >= 0:
        mind.refused[a] |= 1 << (SIDES * mind.target[a] + mind.side[a])
    mind.target[a], mind.side[a], mind.stuck[a] = -1, -1, 0


@kernel
def fetch(scene, a, mind, action):
    """Takes agent a a step towards its target, and grabs that once it is beside it.

    `scene.costs` are the agent's walks. Without a way the target is refused.
    """
    target = mind.target[a]
    rect = scene.rects[target]
    x, y = spot_of(rect, mind.side[a])
    if cost_at(scene.free, scene.costs, x, y) >= UNREACHED:
        refuse(mind, a)
        return
    goal = nearest_free(scene.free, x, y)
    walk_to(scene, a, goal, x, y, rect[0] - x, rect[1] - y, action)
    own_x, own_y = place_of(scene, a)
    is_there = np.sqrt((own_x - x) ** 2 + (own_y - y) ** 2) < _NEAR_SPOT
    if is_there and scene.near[a] >> target & 1:
        action[GRAB] = 1
