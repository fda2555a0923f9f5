"""Ways of a box to a door, in the hands of a hider. One world at a time.

A box before a door lies flat against its wall, a plank with its long side. Through another door a
plank comes lengthwise; so it may have to be turned on its way, once or twice. It turns about the
face that its holder stands before.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import CARRY
from envs.hide_and_seek.players.doors import (
    SHIFTS,
    gap_of,
    is_blocked,
    is_inside,
    lies,
    place_before,
    shift_of,
)
from envs.hide_and_seek.players.grabbing import SIDES, refuse, spot_of
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import (
    CELLS,
    PER_METER,
    UNREACHED,
    cost_at,
    middle_of,
    nearest_free,
    numbers,
    path_to,
    walk_from,
)
from envs.hide_and_seek.players.moving import carry_to, is_still, pair_map
from envs.hide_and_seek.players.walking import place_of
from envs.hide_and_seek.spaces import GRAB, HEADS, LOCK, TURN

_CARRY = float(CARRY)
_LOCK, _TURN_LEFT = HEADS["lock"].index("lock"), HEADS["turn"].index("left2")
_BEYOND = -0.05  # meters: so far into the wall a box is pushed, for it to come to lie against it
_FLUSH = 0.04  # meters: what a box may leave between itself and its wall
_AT_PLACE = 0.06  # meters: the same along the wall
_PATIENCE = 8  # steps without a move, after which another side of the box is tried
_WAITING = 40  # the same where there is no way, but what stands in it may go
_BEFORE_DOOR = int(1.7 * PER_METER)  # the way that is left where a holder waits
_SETTLED = 3  # the same where the door is blocked already
_TURNING = 16  # steps that a plank is given to turn
_HERE = 7  # the cost of a way that is as good as none


@kernel
def turned(off_x, off_y, half_x, half_y):
    """The offset of a plank's middle after it has turned in its holder's hands."""
    if abs(off_x) - half_x >= abs(off_y) - half_y:
        return off_x + (half_y - half_x if off_x > 0.0 else half_x - half_y), off_y
    return off_x, off_y + (half_x - half_y if off_y > 0.0 else half_y - half_x)


@kernel
def goal_of_pair(scene, door, side, shift, half_along, half_across, off_x, off_y):
    """Where the holder stands when the box blocks a door: the cost of the way, then x, y.

    The box lies flat then, as it does in the first layer of `scene.pair`.

    Args:
        shift: the one wanted; others are tried after it.
        off_x, off_y: the box's middle from the holder.
    """
    free, costs = scene.pair[:CELLS], scene.pair_costs[:CELLS]
    for k in range(-1, SHIFTS):
        if k >= 0:
            shift = shift_of(k)
        x, y = place_before(door, side, half_along, half_across, shift, _BEYOND)
        x, y = x - off_x, y - off_y
        if not is_inside(door, side, x, y):
            continue  # the holder would be shut out
        cost = cost_at(free, costs, x, y)
        if cost < UNREACHED:
            return cost, x, y
    return UNREACHED, 0.0, 0.0


@kernel
def first_turn(scene, goal):
    """The cell of the first turn on the way to a cell of `scene.pair`, -1 = there is none."""
    length = path_to(scene.pair, scene.pair_costs, goal, scene.path)
    for k in range(length - 1, 0, -1):
        if scene.path[k] // CELLS != scene.path[k - 1] // CELLS:
            return scene.path[k] % CELLS
    return -1


@kernel
def route(scene, a, box, door, side, shift, x, y, off_x, off_y, ignored):
    """The way of agent a, holder at x, y, with its box to a door; `ignored`: see `pair_map`.

    Fills `scene.pair` and `scene.pair_costs`: in the first layer the box lies flat before the
    door, in the other one it is turned.

    Returns:
        The cost, the present layer, whether the plank is to be turned here, and x, y to go to.
    """
    _, _, half_x, half_y = numbers(scene.rects[box])
    _, _, half_along, half_across = lies(door, scene.rects[box])
    layer = 0 if half_along >= half_across else 1
    new_x, new_y = turned(off_x, off_y, half_x, half_y)
    own, other = layer * CELLS, (1 - layer) * CELLS
    pair_map(scene, a, box, off_x, off_y, half_x, half_y, ignored, scene.pair[own : own + CELLS])
    if half_x == half_y:
        scene.pair[CELLS:] = 0
    else:
        rest = scene.pair[other : other + CELLS]
        pair_map(scene, a, box, new_x, new_y, half_y, half_x, ignored, rest)
    cell = nearest_free(scene.pair[own : own + CELLS], x, y)
    if cell < 0:
        return UNREACHED, layer, False, x, y
    scene.starts[0] = cell + own
    walk_from(scene.pair, scene.starts[:1], scene.pair_costs, scene.queue, scene.filled)
    if layer == 1:
        off_x, off_y, half_along, half_across = new_x, new_y, half_across, half_along
    cost, goal_x, goal_y = goal_of_pair(
        scene, door, side, shift, half_along, half_across, off_x, off_y
    )
    if cost >= UNREACHED:
        return cost, layer, False, x, y
    turn = first_turn(scene, nearest_free(scene.pair[:CELLS], goal_x, goal_y))
    if turn < 0:
        return cost, layer, False, goal_x, goal_y
    turn_x, turn_y = middle_of(turn)
    return cost, layer, scene.pair_costs[turn + own] <= _HERE, turn_x, turn_y


@kernel
def choose_side(scene, box, door, side, shift, refused, ignored):
    """From where to grab a box for a door: the shortest way in all; -1 = from nowhere.

    refused: see `Memory`; ignored: see `pair_map`. `scene.costs` are the agent's walks.
    """
    best, least = -1, 1e9
    box_x, box_y, _, _ = numbers(scene.rects[box])
    for grab_side in range(SIDES):
        x, y = spot_of(scene.rects[box], grab_side)
        walk = cost_at(scene.free, scene.costs, x, y)
        if refused >> (SIDES * box + grab_side) & 1 or walk >= UNREACHED:
            continue
        off_x, off_y = box_x - x, box_y - y
        cost, _, _, _, _ = route(scene, -1, box, door, side, shift, x, y, off_x, off_y, ignored)
        if cost < UNREACHED and walk + cost / _CARRY < least:
            best, least = grab_side, walk + cost / _CARRY
    return best


@kernel
def is_placed(door, rect, shift):
    """Whether a box lies before a door as well as it can."""
    along, _, _, _ = lies(door, rect)
    return is_blocked(door, rect) and gap_of(door, rect) < _FLUSH and abs(along - shift) < _AT_PLACE


@kernel
def bring(scene, a, door, side, shift, waits, mind, action):
    """Takes a hider that holds its box a step on its way to the door; locks it there.

    waits: whether it has to leave the door open for now.
    """
    box, rect = mind.target[a], scene.rects[mind.target[a]]
    mind.stuck[a] = mind.stuck[a] + 1 if is_still(scene, a) else 0
    settled = is_blocked(door, rect) and mind.stuck[a] >= _SETTLED
    if settled or is_placed(door, rect, shift):
        action[LOCK] = _LOCK
        return
    x, y = place_of(scene, a)
    box_x, box_y, _, _ = numbers(rect)
    cost, layer, turns, goal_x, goal_y = route(
        scene, a, box, door, side, shift, x, y, box_x - x, box_y - y, 0
    )
    if waits and cost < _BEFORE_DOOR:
        action[GRAB] = 1
        mind.stuck[a] = 0
        return
    patience = _TURNING if turns else _WAITING if cost >= UNREACHED else _PATIENCE
    if mind.stuck[a] >= patience:
        refuse(mind, a)
        return
    action[GRAB] = 1
    if cost < UNREACHED:
        carry_to(scene, a, layer, goal_x, goal_y, action)
    if turns:
        action[TURN] = _TURN_LEFT
