"""Moving an object that an agent holds: where the two fit as one piece, and ways for them.

The agent and its object keep their distance, `off` = object's middle - agent's middle in meters;
a map of the pair is one of the agent's places. One world at a time.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import ARENA
from envs.hide_and_seek.kernels.presence import is_there
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import (
    CELL,
    CELLS,
    ROW,
    SIDE,
    SLACK,
    block,
    cell_at,
    free_all,
    nearest_free,
    next_place,
    numbers,
    walk_from,
)
from envs.hide_and_seek.players.steering import CARRYING, level_of, push_to, turn_to
from envs.hide_and_seek.players.walking import DISC, place_of
from envs.hide_and_seek.spaces import BOX_SLOTS, GRAB, NUM_OBJECTS

_ARENA = float(ARENA)
_STILL = 0.02  # m/step
_NEAR = 1.5  # meters


@kernel
def is_still(scene, a):
    """Whether an agent hardly moves."""
    return np.sqrt(scene.vel[a, 0] ** 2 + scene.vel[a, 1] ** 2) < _STILL


@kernel
def keep_inside(free, off_x, off_y, half_x, half_y):
    """Blocks the agent's places whose object would be beyond the border."""
    for row in range(1, SIDE + 1):
        y = (row - 0.5) * CELL + off_y
        out = y < half_y - SLACK or y > _ARENA - half_y + SLACK
        for column in range(1, SIDE + 1):
            x = (column - 0.5) * CELL + off_x
            if out or x < half_x - SLACK or x > _ARENA - half_x + SLACK:
                free[row * ROW + column] = 0


@kernel
def pair_map(scene, holder, k, off_x, off_y, half_x, half_y, ignored, free):
    """Fills free [CELLS] with the places of an agent who holds object k.

    Agents who stand or are near are in the way, others will have gone on. holder: -1 = all will.

    Args:
        half_x, half_y: the object's half sides, which may be others than now.
        ignored: a bit for each box that is no obstacle.
    """
    solids, rects = scene.solids, scene.rects
    free_all(free, DISC)
    keep_inside(free, off_x, off_y, half_x, half_y)
    reach_x, reach_y = half_x - SLACK, half_y - SLACK
    for a in range(scene.pos.shape[0]):
        if holder < 0 or a == holder or not is_there(scene.pos, a):
            continue
        other_x, other_y = place_of(scene, a)
        own_x, own_y = place_of(scene, holder)
        is_near = max(abs(other_x - own_x), abs(other_y - own_y)) < _NEAR
        if is_near or is_still(scene, a):
            block(free, other_x, other_y, 0.0, 0.0, 2 * DISC)
            block(free, other_x - off_x, other_y - off_y, half_x, half_y, DISC)
    first_box = scene.num_walls
    for s in range(scene.num_solids):
        is_ignored = s >= first_box and (ignored | 1 << k) >> (s - first_box) & 1
        if is_ignored or solids[2, s] == 0.0:
            continue
        to_x, to_y, wide, high = numbers(solids[:, s])
        block(free, to_x, to_y, wide, high, DISC)
        block(free, to_x - off_x, to_y - off_y, wide + reach_x, high + reach_y, 0.0)
    for ramp in range(BOX_SLOTS, NUM_OBJECTS):
        if ramp != k and rects[ramp, 2] > 0.0:
            to_x, to_y, wide, high = numbers(rects[ramp])
            block(free, to_x - off_x, to_y - off_y, wide + reach_x, high + reach_y, 0.0)


@kernel
def pair_walks(scene, holder, k, x, y, off_x, off_y, half_x, half_y):
    """Fills the first layer of `scene.pair` and `scene.pair_costs` for a holder of k at x, y."""
    free, costs = scene.pair[:CELLS], scene.pair_costs[:CELLS]
    pair_map(scene, holder, k, off_x, off_y, half_x, half_y, 0, free)
    cell = nearest_free(free, x, y)
    scene.starts[0] = cell_at(x, y) if cell < 0 else cell
    walk_from(free, scene.starts[:1], costs, scene.queue, scene.filled)


@kernel
def carry_to(scene, a, layer, goal_x, goal_y, action):
    """Takes a holder a step on its way to a place of its own, which need not be quite free.

    `scene.pair_costs` are the pair's ways from where it stands, in a layer of the map.
    """
    x, y = place_of(scene, a)
    free = scene.pair[layer * CELLS : (layer + 1) * CELLS]
    costs = scene.pair_costs[layer * CELLS : (layer + 1) * CELLS]
    next_x, next_y = goal_x, goal_y
    cell = nearest_free(free, goal_x, goal_y)
    if cell >= 0:
        next_x, next_y = next_place(free, costs, scene.path, x, y, cell, goal_x, goal_y)
    action[GRAB] = 1
    heading = int(scene.heading[a])
    heading = turn_to(action, heading, level_of(heading))
    vel_x, vel_y = np.float64(scene.vel[a, 0]), np.float64(scene.vel[a, 1])
    push_to(action, next_x - x, next_y - y, vel_x, vel_y, heading, CARRYING)
