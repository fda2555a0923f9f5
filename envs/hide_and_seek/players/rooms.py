"""The rooms of an arena: what is one piece once every door is shut. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import TOP_SPEED, WALL_HALF
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
from envs.hide_and_seek.players.walking import DISC, block_solids

_BESIDE = float(WALL_HALF) + DISC + 0.3  # from a door's middle to a place in a room
_SPEED = float(TOP_SPEED)
_FAR = 1e6


@kernel
def label_rooms(scene, doors, plan):
    """Fills `plan.closed`, the map with doors [D, 4] shut, and `plan.rooms`; returns how many."""
    free_all(plan.closed, DISC)
    block_solids(plan.closed, scene.solids, scene.num_walls)
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
            nearest = _FAR
            for d in range(doors.shape[0]):
                nearest = min(nearest, (x - doors[d, 0]) ** 2 + (y - doors[d, 1]) ** 2)
            if nearest > most:
                best, most = cell, nearest
    return best
