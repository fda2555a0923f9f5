"""The blocker: a hider that puts boxes before the doors of its room and locks them there.

One world at a time.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import CARRY, HIDERS, NOBODY, TOP_SPEED
from envs.hide_and_seek.players.bringing import bring, choose_side
from envs.hide_and_seek.players.doors import is_blocked
from envs.hide_and_seek.players.fleeing import flee
from envs.hide_and_seek.players.grabbing import fetch, refuse
from envs.hide_and_seek.players.hiding import hide
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import UNREACHED, cell_at, cost_near, middle_of, numbers
from envs.hide_and_seek.players.sealing import make_plan
from envs.hide_and_seek.players.steering import FREELY, push_to
from envs.hide_and_seek.players.walking import mind_of, place_of, scene_of, start_walks, walk_to
from envs.hide_and_seek.spaces import HEADS, LOCK, TURN

_LOCK = HEADS["lock"].index("lock")
_CARRYING = float(TOP_SPEED * CARRY)
_ROOM = 0.6  # meters that are left to a box on its way
_DOORWAY = 1.4  # meters around a door in which a mate would be in the way
_RESERVE = 15  # steps of the preparation that are left to shut a door


@kernel
def on_their_way(scene, mind):
    """The boxes that are going to be moved: a bit for each."""
    bits = 0
    for box in mind.door_box:
        if box >= 0 and scene.locks[box] == NOBODY:
            bits |= 1 << box
    return bits


@kernel
def work_at(scene, a, d, doors, mind, action):
    """Takes hider a a step towards blocking door d. `scene.costs` are its walks."""
    box, side, shift = mind.door_box[d], mind.door_side[d], mind.door_shift[d]
    door, rect = doors[d], scene.rects[box]
    if scene.holding[a] >= 0 and scene.holding[a] == mind.target[a] == box:
        waits = has_time(scene, box, door) and mates_are_out(scene, a, d, doors, mind)
        bring(scene, a, door, side, shift, waits, mind, action)
        return
    if scene.holding[a] >= 0:  # another thing was nearer
        refuse(mind, a)
        return
    if is_blocked(door, rect) and scene.near[a] >> box & 1:
        action[LOCK] = _LOCK
        return
    if mind.target[a] != box or mind.side[a] < 0:
        mind.target[a] = box
        others = on_their_way(scene, mind)
        mind.side[a] = choose_side(scene, box, door, side, shift, mind.refused[a], others)
    if mind.side[a] < 0 or scene.locks[box] != NOBODY:
        mind.door_box[d] = -1  # nothing to be done
    else:
        fetch(scene, a, mind, action)


@kernel
def next_door(scene, a, doors, mind):
    """The door that hider a has to block next; -1 = none."""
    for d in range(doors.shape[0]):
        box = mind.door_box[d]
        if mind.door_hider[d] != a or box < 0:
            continue
        if scene.locks[box] != HIDERS or not is_blocked(doors[d], scene.rects[box]):
            return d
    return -1


@kernel
def mates_are_out(scene, a, d, doors, mind):
    """Whether another hider is not in the shelter yet, and has no door of its own to come by.

    Who is still at door d counts as out.
    """
    for mate in range(scene.first_hider, scene.end_hiders):
        if mate != a and next_door(scene, mate, doors, mind) < 0:
            x, y = place_of(scene, mate)
            door = doors[d]
            in_door = max(abs(x - door[0]), abs(y - door[1])) < _DOORWAY
            if in_door or not mind.inside[cell_at(x, y)]:
                return True
    return False


@kernel
def has_time(scene, box, door):
    """Whether a box need not be brought to its door yet."""
    x, y, _, _ = numbers(scene.rects[box])
    way = np.sqrt((x - door[0]) ** 2 + (y - door[1]) ** 2)
    return scene.prep_left > way / _CARRYING + _RESERVE


@kernel
def make_way(scene, a, mind, action):
    """Takes hider a a step away from a box that a mate is bringing past; whether there is one."""
    x, y = place_of(scene, a)
    for mate in range(scene.first_hider, scene.end_hiders):
        box = scene.holding[mate]
        if mate == a or box < 0 or not mind.inside[cell_at(x, y)]:
            continue
        box_x, box_y, half_x, half_y = numbers(scene.rects[box])
        gap_x, gap_y = abs(x - box_x) - half_x, abs(y - box_y) - half_y
        if max(gap_x, gap_y) < _ROOM:
            heading = int(scene.heading[a])
            action[TURN] = 2
            vel_x, vel_y = np.float64(scene.vel[a, 0]), np.float64(scene.vel[a, 1])
            push_to(action, x - box_x, y - box_y, vel_x, vel_y, heading, FREELY)
            return True
    return False


@kernel
def play_hider(scene, a, doors, mind, action):
    """Takes hider a a step: its doors first, then a place to hide."""
    start_walks(scene, scene.free, a, a + 1, scene.costs)
    d = next_door(scene, a, doors, mind)
    if d >= 0:
        work_at(scene, a, d, doors, mind, action)
        return
    x, y = place_of(scene, a)
    refuge = mind.refuge[0]
    if make_way(scene, a, mind, action):
        return
    if cost_near(scene.free, scene.opponents, x, y) >= UNREACHED:
        hide(scene, a, mind, action)
    elif refuge >= 0 and scene.prep_left > 0 and scene.costs[refuge] < UNREACHED:
        goal_x, goal_y = middle_of(refuge)
        walk_to(scene, a, refuge, goal_x, goal_y, 0.0, 0.0, action)
    else:
        flee(scene, a, mind, True, action)


@kernel
def play_blocker(world, objects, layouts, rules, memory, maps, plan, option, actions):
    """See `ScriptedPlayer`."""
    for n in range(world.time.shape[0]):
        scene, mind = scene_of(world, objects, layouts, rules, n, maps), mind_of(memory, n)
        layout, first = world.layout[n], scene.first_hider
        doors = layouts.doors[layout, : layouts.num_doors[layout]]
        if not mind.planned[0]:
            mind.planned[0] = True
            make_plan(scene, doors, mind, plan)
        start_walks(scene, scene.free, 0, scene.end_seekers, scene.opponents)
        for a in range(first, scene.end_hiders):
            play_hider(scene, a, doors, mind, actions[n, a - first])
