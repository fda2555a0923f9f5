"""The ramp user: a seeker that carries a ramp to the wall of the hiders' shelter and walks over it.

Where a hider can be walked to, it chases. It knows where all are. One world at a time.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import CARRY, NOBODY, RAMP_HALF
from envs.hide_and_seek.kernels.solids import abuts
from envs.hide_and_seek.kernels.targets import held_bits
from envs.hide_and_seek.players.chasing import chase, nearest_hider
from envs.hide_and_seek.players.grabbing import SIDES, fetch, normal_of, refuse, spot_of
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import (
    CELLS,
    UNREACHED,
    cell_at,
    cost_at,
    cost_near,
    middle_of,
    numbers,
)
from envs.hide_and_seek.players.moving import carry_to, is_still, pair_walks
from envs.hide_and_seek.players.steering import FREELY, bin_of, push_to, turn_to
from envs.hide_and_seek.players.walking import (
    DISC,
    mind_of,
    place_of,
    scene_of,
    start_walks,
    walk_to,
)
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS

_CARRY, _HALF = float(CARRY), float(RAMP_HALF)
_GAP = 0.03  # meters that are left to the wall that a ramp is brought to
_FARTHEST = 2.1  # meters from a ramp's middle to where one comes down: what eight steps allow
_STEP = 0.125  # meters between two places that are tried
_ALONG = 0.25  # the same along a wall
_PATIENCE = 8  # steps without a move, after which a ramp is let go


@kernel
def landing(scene, x, y, side):
    """Where one comes down who walks from a ramp's middle over what is on a side of it.

    The cell of the hiders' region, to which `scene.opponents` are walks; -1 = none so near.
    """
    nx, ny = normal_of(side)
    way = _HALF + 2 * DISC
    while way <= _FARTHEST:
        cell = cell_at(x + nx * way, y + ny * way)
        if scene.free[cell] and scene.opponents[cell] < UNREACHED:
            return cell
        way += _STEP
    return -1


@kernel
def crossing(scene, rect):
    """The cell in the hiders' region that a ramp [4] leads to as it stands; -1 = none."""
    if abuts(rect, scene.solids, scene.num_solids):
        x, y, _, _ = numbers(rect)
        for side in range(SIDES):
            cell = landing(scene, x, y, side)
            if cell >= 0:
                return cell
    return -1


@kernel
def best_place(scene, off_x, off_y):
    """Where to put a ramp so that it leads to the hiders: the cost of the way there, and x, y.

    off_x, off_y: from the holder to the ramp's middle. `scene.pair_costs` are the pair's ways.
    """
    least, best_x, best_y, solids = UNREACHED, 0.0, 0.0, scene.solids
    for s in range(scene.num_solids):
        middle_x, middle_y, wide, high = numbers(solids[:, s])
        if wide == 0.0:
            continue
        for side in range(SIDES):  # of the ramp, on which the solid is
            nx, ny = normal_of(side)
            # From the solid's middle out to the ramp's, and along its face.
            out = (wide if nx != 0.0 else high) + _HALF + _GAP
            length = high if nx != 0.0 else wide
            for k in range(int(2 * length / _ALONG) + 1):
                along = -length + k * _ALONG
                x = middle_x - nx * out + abs(ny) * along
                y = middle_y - ny * out + abs(nx) * along
                if landing(scene, x, y, side) < 0:
                    continue
                cost = cost_at(scene.pair[:CELLS], scene.pair_costs[:CELLS], x - off_x, y - off_y)
                if cost < least:
                    least, best_x, best_y = cost, x, y
    return least, best_x, best_y


@kernel
def choose_ramp(scene, a, mind):
    """Decides which ramp to fetch, from which side: the shortest way in all, or none."""
    best, best_side, least = -1, -1, 1e9
    taken = held_bits(scene.holding)
    for k in range(BOX_SLOTS, NUM_OBJECTS):
        rect = scene.rects[k]
        if rect[2] == 0.0 or scene.locks[k] != NOBODY or taken >> k & 1:
            continue
        for side in range(SIDES):
            x, y = spot_of(rect, side)
            walk = cost_at(scene.free, scene.costs, x, y)
            if walk >= least or mind.refused[a] >> (SIDES * k + side) & 1:
                continue
            ramp_x, ramp_y, half_x, half_y = numbers(rect)
            off_x, off_y = ramp_x - x, ramp_y - y
            pair_walks(scene, -1, k, x, y, off_x, off_y, half_x, half_y)
            cost, _, _ = best_place(scene, off_x, off_y)
            if cost < UNREACHED and walk + cost / _CARRY < least:
                best, best_side, least = k, side, walk + cost / _CARRY
    mind.target[a], mind.side[a] = best, best_side


@kernel
def bring_ramp(scene, a, mind, action):
    """Takes a seeker that holds a ramp a step on its way; lets go once the ramp leads over."""
    k = scene.holding[a]
    rect = scene.rects[k]
    if crossing(scene, rect) >= 0:
        return
    x, y = place_of(scene, a)
    ramp_x, ramp_y, half_x, half_y = numbers(rect)
    off_x, off_y = ramp_x - x, ramp_y - y
    pair_walks(scene, a, int(k), x, y, off_x, off_y, half_x, half_y)
    cost, goal_x, goal_y = best_place(scene, off_x, off_y)
    mind.stuck[a] = mind.stuck[a] + 1 if is_still(scene, a) else 0
    if cost >= UNREACHED or mind.stuck[a] >= _PATIENCE:
        refuse(mind, a)
    else:
        carry_to(scene, a, 0, goal_x - off_x, goal_y - off_y, action)


@kernel
def mount(scene, a, mind, action):
    """Takes a seeker a step to the nearest ramp that leads over; whether there is one."""
    best, least, taken = -1, UNREACHED, held_bits(scene.holding)
    for k in range(BOX_SLOTS, NUM_OBJECTS):
        rect = scene.rects[k]
        if rect[2] == 0.0 or taken >> k & 1:
            continue
        x, y, _, _ = numbers(rect)
        cell, cost = crossing(scene, rect), cost_near(scene.free, scene.costs, x, y)
        if cell >= 0 and cost < least:
            best, least, mind.goal[a] = k, cost, cell
    if best < 0:
        return False
    x, y, _, _ = numbers(scene.rects[best])
    land_x, land_y = middle_of(mind.goal[a])
    walk_to(scene, a, cell_at(x, y), x, y, land_x - x, land_y - y, action)
    return True


@kernel
def cross(scene, a, goal, action):
    """Takes a seeker who is up a step to the cell where it wants to come down."""
    x, y = place_of(scene, a)
    goal_x, goal_y = middle_of(goal)
    heading = turn_to(action, int(scene.heading[a]), bin_of(goal_x - x, goal_y - y))
    vel_x, vel_y = np.float64(scene.vel[a, 0]), np.float64(scene.vel[a, 1])
    # Aimed beyond, so that it does not slow down over the wall.
    push_to(action, 9.0 * (goal_x - x), 9.0 * (goal_y - y), vel_x, vel_y, heading, FREELY)


@kernel
def play_seeker(scene, a, mind, action):
    """Takes seeker a a step. `scene.opponents` are the walks from the hiders."""
    if scene.climb[a] > 0 and mind.goal[a] >= 0:
        cross(scene, a, mind.goal[a], action)
        return
    start_walks(scene, scene.free, a, a + 1, scene.costs)
    _, cost = nearest_hider(scene, a, False)
    if cost >= UNREACHED:
        if scene.holding[a] >= BOX_SLOTS:
            bring_ramp(scene, a, mind, action)
            return
        if mount(scene, a, mind, action):
            return
        target = mind.target[a]
        if target < 0 or held_bits(scene.holding) >> target & 1:
            choose_ramp(scene, a, mind)
        if mind.target[a] >= 0:
            fetch(scene, a, mind, action)
            return
    chase(scene, a, mind, action)


@kernel
def play_ramp_user(world, objects, layouts, rules, memory, maps, plan, option, actions):
    """See `ScriptedPlayer`."""
    for n in range(world.time.shape[0]):
        if world.time[n] < world.prep_steps[n]:
            continue
        scene, mind = scene_of(world, objects, layouts, rules, n, maps), mind_of(memory, n)
        start_walks(scene, scene.free, scene.first_hider, scene.end_hiders, scene.opponents)
        for a in range(scene.end_seekers):
            play_seeker(scene, a, mind, actions[n, a])
