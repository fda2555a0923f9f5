"""The blocker's plan: which room becomes the shelter, which box goes to which door, who moves it.

All that could be done is tried: there are at most four boxes and three hiders. One world at a time.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import ARENA, CARRY, NOBODY, TOP_SPEED
from envs.hide_and_seek.players.doors import SHIFTS, place_before, shift_of
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import CELLS, numbers
from envs.hide_and_seek.players.rooms import (
    far_from_doors,
    label_rooms,
    room_at,
    side_of,
    steps_into,
)
from envs.hide_and_seek.players.walking import place_of, start_walks
from envs.hide_and_seek.spaces import BOX_SLOTS

_SPEED, _CARRYING = float(TOP_SPEED), float(TOP_SPEED * CARRY)
_ARENA = float(ARENA)
_HANDLING = 10.0  # steps to grab, adjust and lock
_FROM_ELSEWHERE = 25.0  # steps that a plank takes more that has to come through a door
_NEVER = 1e6
_APART = 0.02  # meters between two boxes, or a box and a wall


@kernel
def extra_steps(scene, b, room, plan):
    """What box b costs more as one for a room, in steps; _NEVER = it is of no use there."""
    x, y, half_x, half_y = numbers(scene.rects[b])
    if half_x == 0.0 or scene.locks[b] != NOBODY:
        return _NEVER
    if room_at(plan, x, y) == room:
        return 0.0
    return _FROM_ELSEWHERE if half_x != half_y else _NEVER


@kernel
def steps_of(scene, doors, code, count, plan):
    """How many steps a way to share out the work takes: until the last hider is done.

    `code`, in base boxes times hiders, has a digit for each of the `count` doors in `plan.open`;
    `plan.boxes` and `plan.hiders` are filled. _NEVER = a box would be needed twice.
    """
    first, end = scene.first_hider, scene.end_hiders
    base, taken, longest, total = BOX_SLOTS * (end - first), 0, 0.0, 0.0
    for a in range(first, end):
        plan.load[a] = 0.0
        plan.at[a, 0], plan.at[a, 1] = place_of(scene, a)
    for k in range(count):
        digit = code % base
        code //= base
        b, a, d = digit % BOX_SLOTS, first + digit // BOX_SLOTS, plan.open[k]
        if taken >> b & 1 or plan.extra[b] >= _NEVER:
            return _NEVER
        taken |= 1 << b
        x, y, _, _ = numbers(scene.rects[b])
        door_x, door_y, _, _ = numbers(doors[d])
        walk = np.sqrt((plan.at[a, 0] - x) ** 2 + (plan.at[a, 1] - y) ** 2)
        way = np.sqrt((door_x - x) ** 2 + (door_y - y) ** 2)
        plan.load[a] += walk / _SPEED + way / _CARRYING + _HANDLING + plan.extra[b]
        plan.at[a, 0], plan.at[a, 1] = door_x, door_y
        plan.boxes[d], plan.hiders[d] = b, a
        longest, total = max(longest, plan.load[a]), total + plan.load[a]
    return longest + 0.1 * total


@kernel
def share_out(scene, doors, room, plan):
    """Finds the quickest way to shut a room and fills `plan.sides`, `boxes`, `hiders` with it.

    No box, no hider are -1. Returns the steps it takes, _NEVER = it cannot be shut.
    """
    count = 0
    for d in range(doors.shape[0]):
        plan.sides[d] = side_of(doors[d], room, plan)
        if plan.sides[d] != 0:
            if count == BOX_SLOTS:
                return _NEVER
            plan.open[count] = d
            count += 1
    for b in range(BOX_SLOTS):
        plan.extra[b] = extra_steps(scene, b, room, plan)
    hiders = scene.end_hiders - scene.first_hider
    best, least = 0, _NEVER
    for code in range((BOX_SLOTS * hiders) ** count):
        steps = steps_of(scene, doors, code, count, plan)
        if steps < least:
            best, least = code, steps
    plan.boxes[:] = -1
    plan.hiders[:] = -1
    if least < _NEVER:
        steps_of(scene, doors, best, count, plan)
    return least


@kernel
def lies_free(scene, rect, placed, count):
    """Whether a rectangle is clear of the border, of all walls, and of `count` of placed [K, 4]."""
    x, y, half_x, half_y = rect
    if min(x - half_x, y - half_y) < 0.0 or max(x + half_x, y + half_y) > _ARENA:
        return False
    for s in range(scene.num_walls):
        to_x, to_y, wide, high = numbers(scene.solids[:, s])
        if abs(x - to_x) < half_x + wide and abs(y - to_y) < half_y + high:
            return False
    for k in range(count):
        to_x, to_y, wide, high = numbers(placed[k])
        if abs(x - to_x) < half_x + wide + _APART and abs(y - to_y) < half_y + high + _APART:
            return False
    return True


@kernel
def choose_shifts(scene, doors, mind, plan):
    """Shifts boxes along their walls where they would be in each other's way, as little as can be.

    Fills `mind.door_shift`; the boxes of the doors are known.
    """
    count = 0
    for d in range(doors.shape[0]):
        if mind.door_box[d] >= 0 and count < BOX_SLOTS:
            plan.open[count] = d
            count += 1
    best, least = -1, 1e9
    for code in range(SHIFTS**count):
        rest, sum_of_squares, fits = code, 0.0, True
        for k in range(count):
            d, shift = plan.open[k], shift_of(rest % SHIFTS)
            rest //= SHIFTS
            _, _, half_x, half_y = numbers(scene.rects[mind.door_box[d]])
            long, deep = max(half_x, half_y), min(half_x, half_y)
            x, y = place_before(doors[d], mind.door_side[d], long, deep, shift, _APART)
            is_upright = doors[d, 2] < doors[d, 3]
            rect = (x, y, deep, long) if is_upright else (x, y, long, deep)
            sum_of_squares += shift * shift
            if sum_of_squares >= least or not lies_free(scene, rect, plan.placed, k):
                fits = False
                break
            for i in range(4):
                plan.placed[k, i] = rect[i]
        if fits:
            best, least = code, sum_of_squares
    for k in range(count):
        mind.door_shift[plan.open[k]] = shift_of(best % SHIFTS) if best >= 0 else 0.0
        best //= SHIFTS


@kernel
def make_plan(scene, doors, mind, plan):
    """Chooses the shelter, if there can be one, and shares out its doors. doors [D, 4].

    No seeker starts in it. It is the room that is shut soonest with all hiders in it.
    """
    num_rooms, ways = label_rooms(scene, doors, plan), plan.ways
    ways[:] = 0.0
    for a in range(scene.end_seekers):
        x, y = place_of(scene, a)
        room = room_at(plan, x, y)
        if room >= 0:
            ways[room] = _NEVER
    for a in range(scene.first_hider, scene.end_hiders):
        start_walks(scene, scene.free, a, a + 1, scene.costs)
        for room in range(num_rooms):
            ways[room] = max(ways[room], steps_into(scene, room, plan))
    best, least = -1, _NEVER
    for room in range(num_rooms):
        steps = ways[room]
        if steps < least:
            steps = max(steps, share_out(scene, doors, room, plan))
        if steps < least:
            best, least = room, steps
    if best < 0:
        return
    share_out(scene, doors, best, plan)
    for d in range(doors.shape[0]):
        mind.door_side[d], mind.door_box[d] = plan.sides[d], plan.boxes[d]
        mind.door_hider[d] = plan.hiders[d]
    mind.refuge[0] = far_from_doors(doors, best, plan)
    for cell in range(CELLS):
        mind.inside[cell] = plan.rooms[cell] == best
    choose_shifts(scene, doors, mind, plan)
