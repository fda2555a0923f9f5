"""Agents that hold an object move with it as one piece. One world at a time.

A piece moves only to where it has room, and nothing else is moved by it. So nothing can be
squeezed, shoved through a wall or thrown. What already stands too close may go away, never closer.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    CARRY,
    F0,
    GRIP,
    HALF,
    HEADING_MASK,
    NOWHERE,
    NUM_HEADINGS,
    RADIUS,
    THRUST,
    TURN_OF_PLANK,
)
from envs.hide_and_seek.kernels.handling import who_and_when
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.lanes import LANES, any_lane, larger, load, smaller
from envs.hide_and_seek.kernels.physics import (
    DIAMETER,
    HIGH,
    LOW,
    accelerate,
    near_wall,
    overlap_depth,
)
from envs.hide_and_seek.kernels.presence import turns, whose_turn
from envs.hide_and_seek.kernels.solids import put_box
from envs.hide_and_seek.kernels.targets import gap_squared, nearest_point
from envs.hide_and_seek.kernels.vision import line_is_clear
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS, STAGES

_BOX_MOVED = STAGES.index("hider_box_prep")
_RAMP_MOVED = STAGES.index("hider_ramp_prep")
_FORCE = np.float32(CARRY * THRUST)
_SLACK = np.float32(5e-4)  # what overlaps a disc by less counts as clear of it
# Objects keep this far from solids: one in a wall by rounding could be held through the wall.
_ROUNDING = np.float32(1e-5)
_TOUCH = np.float32((RADIUS - _SLACK) ** 2)
_MEET = np.float32((DIAMETER - _SLACK) ** 2)
_SHARES = 3  # of a way are tried: all of it, a half, a quarter


@inlined
def disc_fits(pos, a, x, y, solids, num_solids):
    """Whether agent a of pos [A, 2] may go to x, y as far as its own disc is concerned."""
    if x < LOW or x > HIGH or y < LOW or y > HIGH:
        return False
    for other in range(pos.shape[0]):
        dx, dy = pos[other, 0] - x, pos[other, 1] - y
        if other == a or dx * dx + dy * dy >= _MEET:
            continue
        old_x, old_y = pos[other, 0] - pos[a, 0], pos[other, 1] - pos[a, 1]
        if dx * dx + dy * dy < old_x * old_x + old_y * old_y:
            return False
    if not near_wall(x, y, solids, num_solids):
        return True
    depth = overlap_depth(x, y, solids, num_solids)
    return depth <= _SLACK or depth <= overlap_depth(pos[a, 0], pos[a, 1], solids, num_solids)


@inlined
def gap_to(rect, x, y, half_x, half_y):
    """How far rect [4] and eight others are apart, in x or in y, meters; below 0 = they overlap.

    x, y, half_x, half_y: the others' middles and half sides, lanes.
    """
    gap_x = larger(x - rect[0], rect[0] - x) - half_x - rect[2]
    gap_y = larger(y - rect[1], rect[1] - y) - half_y - rect[3]
    return larger(gap_x, gap_y)


@inlined
def gap_between(one, other):
    """The same for two rectangles [4]."""
    gap_x = abs(other[0] - one[0]) - other[2] - one[2]
    gap_y = abs(other[1] - one[1]) - other[3] - one[3]
    return max(gap_x, gap_y)


@inlined
def rect_fits(rects, held, rect, solids, num_solids):
    """Whether the object `held` may lie at `rect`, clear of border, solids and ramps.

    Clear is also what is no closer to a solid or ramp than the object is now.
    """
    x, y, half_x, half_y = rect
    if min(x - half_x, y - half_y) < -_ROUNDING:
        return False
    if max(x + half_x, y + half_y) > ARENA + _ROUNDING:
        return False
    now = rects[held]
    for first in range(0, num_solids, LANES):
        solid_x, solid_y = load(solids[0], first), load(solids[1], first)
        wide, high = load(solids[2], first), load(solids[3], first)
        gaps = gap_to(rect, solid_x, solid_y, wide, high)
        if not any_lane(gaps < _ROUNDING):
            continue
        if any_lane(gaps < smaller(gap_to(now, solid_x, solid_y, wide, high), _ROUNDING)):
            return False
    for ramp in range(BOX_SLOTS, NUM_OBJECTS):
        if ramp == held:
            continue
        gap = gap_between(rect, rects[ramp])
        if gap < _ROUNDING and gap < gap_between(now, rects[ramp]):
            return False
    return True


@inlined
def spares_agents(pos, climb, a, x, y, rects, held, rect):
    """Whether the object `held` at `rect` is clear of all agents, its holder a then at x, y.

    An agent up on a box or on a ramp pins it. One on the ground that touches a box may be left.
    """
    is_box = held < BOX_SLOTS
    for other in range(pos.shape[0]):
        is_own = other == a
        if is_own and not is_box:
            continue
        gap = gap_squared(rect, x if is_own else pos[other, 0], y if is_own else pos[other, 1])
        if gap >= _TOUCH:
            continue
        pinned = climb[other] > 0 or not is_box
        if pinned or gap < gap_squared(rects[held], pos[other, 0], pos[other, 1]):
            return False
    return True


@bare
def try_way(pos, climb, a, rects, held, dx, dy, solids, num_solids):
    """Moves agent a of pos [A, 2] and the object `held` of rects [6, 4] by dx, dy if both fit.

    solids [4, S] are those without the object. Returns whether they have moved.
    """
    x, y = pos[a, 0] + dx, pos[a, 1] + dy
    rect = (rects[held, 0] + dx, rects[held, 1] + dy, rects[held, 2], rects[held, 3])
    if not (
        disc_fits(pos, a, x, y, solids, num_solids)
        and rect_fits(rects, held, rect, solids, num_solids)
        and spares_agents(pos, climb, a, x, y, rects, held, rect)
    ):
        return False
    pos[a, 0], pos[a, 1] = x, y
    rects[held, 0], rects[held, 1] = rect[0], rect[1]
    return True


@bare
def drag(pos, vel, climb, a, rects, held, solids, num_solids):
    """Moves agent a and the object `held` as far along vel[a] as they fit.

    If not the whole way, then half or a quarter of it, else the same along x, else along y. The
    way gone becomes vel[a]; returns its length in meters.
    """
    vel_x, vel_y = vel[a, 0], vel[a, 1]
    for part in range(3):
        dx, dy = F0 if part == 2 else vel_x, F0 if part == 1 else vel_y
        if (dx == F0 and dy == F0) or (part > 0 and (vel_x == F0 or vel_y == F0)):
            continue
        for _ in range(_SHARES):
            if try_way(pos, climb, a, rects, held, dx, dy, solids, num_solids):
                vel[a, 0], vel[a, 1] = dx, dy
                return np.sqrt(dx * dx + dy * dy)
            dx, dy = dx * HALF, dy * HALF
    vel[a, 0], vel[a, 1] = F0, F0
    return F0


@bare
def turn_plank(pos, climb, a, rects, held, solids, num_solids):
    """Turns the plank `held` by 90 degrees if it fits; returns whether it has turned.

    The face that agent a is beyond stays on its line, and so a part of the plank where it was: it
    cannot come to lie on the other side of a wall.
    """
    x, y = pos[a, 0], pos[a, 1]
    middle_x, middle_y = rects[held, 0], rects[held, 1]
    half_x, half_y = rects[held, 2], rects[held, 3]
    gap_x, gap_y = abs(x - middle_x) - half_x, abs(y - middle_y) - half_y
    if gap_x >= gap_y:
        middle_x += half_x - half_y if x >= middle_x else half_y - half_x
    else:
        middle_y += half_y - half_x if y >= middle_y else half_x - half_y
    rect = (middle_x, middle_y, half_y, half_x)
    if not (
        rect_fits(rects, held, rect, solids, num_solids)
        and spares_agents(pos, climb, a, x, y, rects, held, rect)
    ):
        return False
    rects[held, 0], rects[held, 1], rects[held, 2], rects[held, 3] = rect
    return True


@inlined
def keeps_grip(rect, x, y, solids, num_solids):
    """Whether an agent at x, y goes on holding rect [4]: near enough, and nothing in between."""
    if gap_squared(rect, x, y) > GRIP * GRIP:
        return False
    near_x, near_y = nearest_point(rect, x, y, F0)
    return line_is_clear(x, y, near_x, near_y, solids, num_solids)


@bare
def carry_one(pos, vel, heading, objects, n, a, action, solids, num_walls):
    """Plays the movement of agent a, a holder, in world n. Returns the meters it has moved."""
    rects, climb, held = objects.object_rect[n], objects.climb[n], objects.holding[n, a]
    num_solids = num_walls + BOX_SLOTS
    if held < BOX_SLOTS:  # what is carried is no obstacle to itself
        solids[0, num_walls + held] = NOWHERE
    accelerate(vel, heading, a, action, _FORCE)
    way = drag(pos, vel, climb, a, rects, held, solids, num_solids)
    turned = (heading[a] - objects.grip[n, a]) & HEADING_MASK
    is_plank = rects[held, 2] != rects[held, 3]
    wants_turn = is_plank and TURN_OF_PLANK <= turned <= NUM_HEADINGS - TURN_OF_PLANK
    if wants_turn and turn_plank(pos, climb, a, rects, held, solids, num_solids):
        objects.grip[n, a] = heading[a]
    if not keeps_grip(rects[held], pos[a, 0], pos[a, 1], solids, num_solids):
        objects.holding[n, a] = -1
    if held < BOX_SLOTS:
        put_box(solids, num_walls, rects, held)
    return way


@bare
def carry(world, objects, n, num_seekers, actions, fixed, walls, num_walls):
    """Moves every holder in world n, its object and its plank's direction; sets fixed [A] there.

    walls [4, W]: `num_walls` walls, then the boxes, which are kept up to date. They move one after
    the other, each time another one first.
    """
    pos, vel, heading = world.pos[n], world.vel[n], world.heading[n]
    count, end_seekers = turns(pos, num_seekers)
    for k in range(count):
        a = whose_turn(k, world.time[n], count, end_seekers, num_seekers)
        held = objects.holding[n, a]
        if held < 0:
            continue
        fixed[a] = True
        way = carry_one(pos, vel, heading, objects, n, a, actions[a], walls, num_walls)
        column = _BOX_MOVED if held < BOX_SLOTS else _RAMP_MOVED
        objects.stage[n, column + who_and_when(world, n, a, num_seekers)] += way
