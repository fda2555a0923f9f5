"""The blocker: a hider that puts boxes before the doors of its room and locks them there.

A box before a door lies flat against its wall; a plank with its long side. One world at a time.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import CARRY, HIDERS, NOBODY
from envs.hide_and_seek.players.doors import (
    HALF_DOOR,
    gaps_of,
    is_blocked,
    is_inside,
    lies,
    place_before,
)
from envs.hide_and_seek.players.fleeing import flee
from envs.hide_and_seek.players.grabbing import SIDES, fetch, normal_of, refuse, spot_of
from envs.hide_and_seek.players.hiding import hide
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import UNREACHED, cost_at, cost_near, middle_of, numbers
from envs.hide_and_seek.players.moving import carry_to, is_still, pair_walks
from envs.hide_and_seek.players.sealing import make_plan
from envs.hide_and_seek.players.walking import mind_of, place_of, scene_of, start_walks, walk_to
from envs.hide_and_seek.spaces import GRAB, LOCK, TURN

_CARRY = float(CARRY)
_LOCK, _TURN_LEFT = 1, 4  # choices of these heads
_FLUSH = 0.04  # meters: what a box may leave between itself and its wall
_PATIENCE = 8  # steps without a move, after which another side of the box is tried
_SETTLED = 3  # the same where the door is blocked already
_TURNING = 16  # steps that a plank is given to turn
_SHIFTS = 5  # places along the wall that are tried: the door's middle first, then to either side
_SHIFT = 0.15  # meters between two of them
_COVER = 0.02  # meters that a box covers beyond the opening at least


@kernel
def goal_of_pair(scene, door, door_side, half_along, half_across, off_x, off_y):
    """Where the holder stands when the box blocks the door: the cost of the way, then x, y.

    off_x, off_y: from the holder to the box's middle. `scene.pair_costs` are the pair's ways.
    """
    for k in range(_SHIFTS):
        shift = (k + 1) // 2 * _SHIFT * (1 if k % 2 else -1)
        if abs(shift) > max(half_along - HALF_DOOR - _COVER, 0.0):
            continue
        x, y = place_before(door, door_side, half_along, half_across, shift)
        if not is_inside(door, door_side, x - off_x, y - off_y):
            continue  # the holder would be shut out
        cost = cost_at(scene.pair, scene.pair_costs, x - off_x, y - off_y)
        if cost < UNREACHED:
            return cost, x - off_x, y - off_y
    return UNREACHED, 0.0, 0.0


@kernel
def choose_side(scene, box, door, door_side, refused):
    """The side from which to grab a box for a door: the shortest way in all; -1 = none will do.

    refused: see `Memory`. `scene.costs` are the agent's walks.
    """
    rect = scene.rects[box]
    box_x, box_y, half_x, half_y = numbers(rect)
    _, _, half_along, half_across = lies(door, rect)
    if half_along < half_across:
        half_x, half_y = half_y, half_x
        half_along, half_across = half_across, half_along
    best, least = -1, 1e9
    for side in range(SIDES):
        x, y = spot_of(rect, side)
        walk = cost_at(scene.free, scene.costs, x, y)
        if refused >> (SIDES * box + side) & 1 or walk >= UNREACHED:
            continue
        nx, ny = normal_of(side)
        # A plank turns about the face that its holder stands before.
        off_x = box_x - x + nx * (rect[2] - half_x)
        off_y = box_y - y + ny * (rect[3] - half_y)
        pair_walks(scene, box, x, y, off_x, off_y, half_x, half_y)
        if cost_at(scene.pair, scene.pair_costs, x, y) >= UNREACHED:
            continue
        cost, _, _ = goal_of_pair(scene, door, door_side, half_along, half_across, off_x, off_y)
        if cost < UNREACHED and walk + cost / _CARRY < least:
            best, least = side, walk + cost / _CARRY
    return best


@kernel
def bring(scene, a, door, door_side, mind, action):
    """Takes a hider that holds its box a step on its way to the door; locks it there."""
    box = mind.target[a]
    rect = scene.rects[box]
    _, _, half_along, half_across = lies(door, rect)
    if half_along < half_across:
        action[GRAB], action[TURN] = 1, _TURN_LEFT
        mind.stuck[a] += 1
        if mind.stuck[a] > _TURNING:
            action[GRAB] = 0
            refuse(mind, a)
        return
    gap, left, right = gaps_of(door, rect)
    mind.stuck[a] = mind.stuck[a] + 1 if is_still(scene, a) else 0
    is_done = gap < _FLUSH and left == 0.0 and right == 0.0
    if is_done or (is_blocked(door, rect) and mind.stuck[a] >= _SETTLED):
        action[LOCK] = _LOCK
        return
    x, y = place_of(scene, a)
    box_x, box_y, half_x, half_y = numbers(rect)
    off_x, off_y = box_x - x, box_y - y
    pair_walks(scene, box, x, y, off_x, off_y, half_x, half_y)
    cost, goal_x, goal_y = goal_of_pair(
        scene, door, door_side, half_along, half_across, off_x, off_y
    )
    if cost >= UNREACHED or mind.stuck[a] >= _PATIENCE:
        refuse(mind, a)
    else:
        carry_to(scene, a, goal_x, goal_y, action)


@kernel
def work_at(scene, a, d, door, mind, action):
    """Takes hider a a step towards blocking door d. `scene.costs` are its walks."""
    box, door_side = mind.door_box[d], mind.door_side[d]
    rect = scene.rects[box]
    if scene.holding[a] >= 0 and scene.holding[a] == mind.target[a] == box:
        bring(scene, a, door, door_side, mind, action)
        return
    if scene.holding[a] >= 0:  # another thing was nearer
        refuse(mind, a)
        return
    if is_blocked(door, rect) and scene.near[a] >> box & 1:
        action[LOCK] = _LOCK
        return
    if mind.target[a] != box or mind.side[a] < 0:
        mind.target[a] = box
        mind.side[a] = choose_side(scene, box, door, door_side, mind.refused[a])
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
def play_hider(scene, a, doors, mind, action):
    """Takes hider a a step: its doors first, then a place to hide."""
    start_walks(scene, scene.free, a, a + 1, scene.costs)
    d = next_door(scene, a, doors, mind)
    if d >= 0:
        work_at(scene, a, d, doors[d], mind, action)
        return
    x, y = place_of(scene, a)
    refuge = mind.refuge[0]
    if cost_near(scene.free, scene.opponents, x, y) >= UNREACHED:
        hide(scene, a, mind, action)
    elif refuge >= 0 and scene.prep_left > 0 and scene.costs[refuge] < UNREACHED:
        goal_x, goal_y = middle_of(refuge)
        walk_to(scene, a, refuge, goal_x, goal_y, 0.0, 0.0, action)
    else:
        flee(scene, a, mind, action)


@kernel
def play_blocker(world, objects, layouts, rules, memory, maps, plan, option, actions):
    """See `ScriptedPlayer`."""
    for n in range(world.time.shape[0]):
        scene, mind = scene_of(world, objects, layouts, rules, n, maps), mind_of(memory, n)
        layout, first = world.layout[n], scene.num_seekers
        doors = layouts.doors[layout, : layouts.num_doors[layout]]
        if not mind.planned[0]:
            mind.planned[0] = True
            make_plan(scene, doors, mind, plan)
        start_walks(scene, scene.free, 0, first, scene.opponents)
        for a in range(first, scene.pos.shape[0]):
            play_hider(scene, a, doors, mind, actions[n, a - first])
