"""The blocker's plan: which room becomes the shelter, which box goes to which door, who moves it.

A room is what is one piece once every door is shut. One world at a time.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import CARRY, NOBODY, TOP_SPEED, WALL_HALF
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import (
    CELLS,
    PER_METER,
    UNREACHED,
    block,
    free_all,
    middle_of,
    nearest_free,
    numbers,
    walk_from,
)
from envs.hide_and_seek.players.state import MOST_ROOMS
from envs.hide_and_seek.players.walking import DISC, block_solids, place_of, start_walks
from envs.hide_and_seek.spaces import BOX_SLOTS

_BESIDE = float(WALL_HALF) + DISC + 0.3  # from a door's middle to a place in a room
_SPEED, _CARRYING = float(TOP_SPEED), float(TOP_SPEED * CARRY)
_HANDLING = 8.0  # steps to grab, adjust and lock
_NEVER = 1e6


@kernel
def label_rooms(scene, doors, plan):
    """Fills `plan.closed`, the map with doors [D, 4] shut, and `plan.rooms`; returns how many."""
    free_all(plan.closed, DISC)
    block_solids(plan.closed, scene.solids, scene.num_solids - BOX_SLOTS)
    for d in range(doors.shape[0]):
        x, y, half_x, half_y = numbers(doors[d])
        block(plan.closed, x, y, half_x, half_y, DISC)
    plan.rooms[:] = -1
    count = 0
    for cell in range(CELLS):
        if plan.closed[cell] and plan.rooms[cell] < 0 and count < MOST_ROOMS:
            scene.starts[0] = cell
            walk_from(plan.closed, scene.starts[:1], scene.costs, scene.queue, scene.filled)
            for other in range(CELLS):
                if scene.costs[other] < UNREACHED:
                    plan.rooms[other] = count
            count += 1
    return count


@kernel
def room_at(plan, x, y):
    """The room around a point, -1 if there is none."""
    cell = nearest_free(plan.closed, x, y)
    return -1 if cell < 0 else plan.rooms[cell]


@kernel
def side_of(door, room, plan):
    """On which side of a door [4] a room is: +1 or -1 along its normal; 0 = on none or on both."""
    x, y, half_x, half_y = numbers(door)
    by_x, by_y = (_BESIDE, 0.0) if half_x < half_y else (0.0, _BESIDE)
    above = room_at(plan, x + by_x, y + by_y) == room
    below = room_at(plan, x - by_x, y - by_y) == room
    return int(above) - int(below)


@kernel
def pair_up(scene, doors, room, plan):
    """Gives each door of a room the box that is to block it, the nearest pairs first.

    Fills `plan.sides` and `plan.boxes`; no box is -1.

    Returns:
        The steps of carrying, or -1 where the boxes in the room do not suffice.
    """
    sides, boxes, rects = plan.sides, plan.boxes, scene.rects
    missing, taken, steps = 0, 0, 0.0
    for d in range(doors.shape[0]):
        sides[d], boxes[d] = side_of(doors[d], room, plan), -1
        missing += sides[d] != 0
    while missing > 0:
        best_d, best_b, least = -1, -1, _NEVER
        for b in range(BOX_SLOTS):
            if rects[b, 2] == 0.0 or taken >> b & 1 or scene.locks[b] != NOBODY:
                continue
            x, y, _, _ = numbers(rects[b])
            if room_at(plan, x, y) != room:
                continue
            for d in range(doors.shape[0]):
                far = np.sqrt((x - doors[d, 0]) ** 2 + (y - doors[d, 1]) ** 2)
                if sides[d] != 0 and boxes[d] < 0 and far < least:
                    best_d, best_b, least = d, b, far
        if best_d < 0:
            return -1.0
        boxes[best_d] = best_b
        taken |= 1 << best_b
        missing -= 1
        steps += least / _CARRYING + _HANDLING
    return steps


@kernel
def steps_into(scene, room, plan):
    """The steps of the shortest of the walks `scene.costs` into a room."""
    least = UNREACHED
    for cell in range(CELLS):
        if plan.rooms[cell] == room and scene.costs[cell] < least:
            least = int(scene.costs[cell])
    return least / PER_METER / _SPEED


@kernel
def far_from_doors(doors, room, plan):
    """The cell of a room that is farthest from every door."""
    best, most = -1, -1.0
    for cell in range(CELLS):
        if plan.rooms[cell] == room:
            x, y = middle_of(cell)
            nearest = _NEVER
            for d in range(doors.shape[0]):
                nearest = min(nearest, (x - doors[d, 0]) ** 2 + (y - doors[d, 1]) ** 2)
            if nearest > most:
                best, most = cell, nearest
    return best


@kernel
def share_out(scene, mind, plan):
    """Gives each of the doors to the hider who will be done with it first."""
    load, sides, boxes = plan.load, plan.sides, plan.boxes
    load[:] = 0.0
    for d in range(sides.shape[0]):
        mind.door_side[d], mind.door_box[d], mind.door_hider[d] = sides[d], boxes[d], -1
        if boxes[d] < 0:
            continue
        first, least = -1, 1e9
        for a in range(scene.num_seekers, scene.pos.shape[0]):
            x, y = place_of(scene, a)
            rect = scene.rects[boxes[d]]
            steps = load[a] + np.sqrt((x - rect[0]) ** 2 + (y - rect[1]) ** 2) / _SPEED
            if steps < least:
                first, least = a, steps
        load[first] = least + 2 * _HANDLING
        mind.door_hider[d] = first


@kernel
def make_plan(scene, doors, mind, plan):
    """Chooses the shelter, if there can be one, and shares out its doors. doors [D, 4].

    No seeker starts in it. It is the room that is shut soonest: the hiders' walks into it and the
    carrying of the boxes count.
    """
    num_rooms, ways = label_rooms(scene, doors, plan), plan.ways
    ways[:] = 0.0
    for a in range(scene.pos.shape[0]):
        if a < scene.num_seekers:
            x, y = place_of(scene, a)
            room = room_at(plan, x, y)
            if room >= 0:
                ways[room] = _NEVER
            continue
        start_walks(scene, scene.free, a, a + 1, scene.costs)
        for room in range(num_rooms):
            ways[room] = max(ways[room], steps_into(scene, room, plan))
    best, least = -1, _NEVER
    for room in range(num_rooms):
        carrying = pair_up(scene, doors, room, plan)
        steps = ways[room] + carrying / (scene.pos.shape[0] - scene.num_seekers)
        if carrying >= 0.0 and steps < least:
            best, least = room, steps
    if best >= 0:
        pair_up(scene, doors, best, plan)
        share_out(scene, mind, plan)
        mind.refuge[0] = far_from_doors(doors, best, plan)
