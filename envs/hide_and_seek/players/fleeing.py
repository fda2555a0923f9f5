"""The runner: a hider that keeps out of the seekers' sight and away from them.

It knows the walls and boxes, and of the seekers what some hider has seen not long ago. Until then
it waits where few places look at, and looks around. One world at a time.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import TOP_SPEED
from envs.hide_and_seek.players.hiding import best_shelter
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.looking import is_open, is_watched
from envs.hide_and_seek.players.maps import (
    PER_METER,
    ROW,
    SIDE,
    UNREACHED,
    cell_at,
    middle_of,
    nearest_free,
    walk_from,
)
from envs.hide_and_seek.players.walking import (
    mind_of,
    place_of,
    scene_of,
    start_walk,
    start_walks,
    walk_to,
)
from envs.hide_and_seek.spaces import HEADS, TURN

_EVERY = 4  # cells between two places that are weighed
_FORGOTTEN = 20  # steps after which it no longer counts where a seeker was seen
_LEFT = HEADS["turn"].index("left2")
_SPEED = float(TOP_SPEED)
# What a place is worth, in meters that the seekers have to walk to it.
_AWAY = 12.0  # they cannot come there, or have at least so far
_WATCHED = -8.0  # it is in their sight now
_TOO_LATE = -10.0  # they are there first
_WALK = -0.4  # each meter of one's own walk
_STAY = 1.0  # it is where one is going: no dithering


@kernel
def is_exposed(scene, mind, knows_all, x, y):
    """Whether a point is in the line of sight of some seeker that a hider knows of."""
    if knows_all:
        return is_watched(scene, x, y)
    for s in range(scene.end_seekers):
        if mind.known[s] and is_open(scene, mind.place[s, 0], mind.place[s, 1], x, y):
            return True
    return False


@kernel
def best_place(scene, mind, knows_all, goal):
    """The cell that is best to hide at, -1 = none; `goal` is the one chosen last."""
    head_start = _SPEED * scene.prep_left
    best, most = -1, -1e9
    for row in range(1, SIDE + 1, _EVERY):
        for column in range(1, SIDE + 1, _EVERY):
            cell = row * ROW + column
            if scene.costs[cell] >= UNREACHED:
                continue
            danger, walk = scene.opponents[cell] / PER_METER, scene.costs[cell] / PER_METER
            worth = min(danger, _AWAY) + _WALK * walk
            if walk >= danger + head_start:
                worth += _TOO_LATE
            if cell == goal:
                worth += _STAY
            x, y = middle_of(cell)
            if worth > most and is_exposed(scene, mind, knows_all, x, y):
                worth += _WATCHED
            if worth > most:
                best, most = cell, worth
    return best


@kernel
def flee(scene, a, mind, knows_all, action):
    """Takes hider a a step towards the best place to hide from where the seekers are.

    `scene.opponents` are the walks from the seekers, `scene.costs` those from the hider.
    knows_all: whether it goes by all seekers, or by those in `mind`.
    """
    goal = best_place(scene, mind, knows_all, mind.goal[a])
    mind.goal[a] = goal
    if goal >= 0:
        x, y = middle_of(goal)
        walk_to(scene, a, goal, x, y, 0.0, 0.0, action)


@kernel
def remember(scene, mind):
    """Notes which seekers are seen; whether it is known of some where it is, or was not long ago.

    Fills `scene.opponents` with the walks from those places.
    """
    count = 0
    for s in range(scene.end_seekers):
        mind.stuck[s] += 1
        for h in range(scene.first_hider, scene.end_hiders):
            if scene.sees[h, s]:
                mind.known[s], mind.stuck[s] = True, 0
                mind.place[s, 0], mind.place[s, 1] = place_of(scene, s)
        mind.known[s] = mind.known[s] and mind.stuck[s] < _FORGOTTEN
        if mind.known[s]:
            x, y = mind.place[s, 0], mind.place[s, 1]
            cell = nearest_free(scene.free, x, y)
            scene.starts[count] = cell_at(x, y) if cell < 0 else cell
            count += 1
    sources = scene.starts[:count]
    walk_from(scene.free, sources, scene.opponents, scene.queue, scene.filled)
    return count > 0


@kernel
def place_to_lie_low(scene, a, mind, is_start, is_known):
    """A cell that few others look at, -1 = none.

    Args:
        is_start: whether the episode begins.
        is_known: whether it is one that has been played before, up to its beginning.
    """
    if is_start and is_known:
        return mind.found[a]
    start_walks(scene, scene.free, a, a + 1, scene.costs)
    # The seekers may come from everywhere.
    for cell in range(scene.opponents.shape[0]):
        scene.opponents[cell] = scene.costs[cell]
    cell = best_shelter(scene)
    if is_start:
        mind.found[a] = cell
    return cell


@kernel
def lie_low(scene, a, mind, is_start, is_known, action):
    """Takes hider a a step to a place that few others look at; it turns round all the time."""
    if mind.target[a] < 0:
        mind.target[a] = place_to_lie_low(scene, a, mind, is_start, is_known)
    goal = scene.goals[0] = mind.target[a]
    start_walk(scene, a, scene.goals[:1])
    if goal >= 0:
        x, y = middle_of(goal)
        walk_to(scene, a, goal, x, y, 0.0, 0.0, action)
    action[TURN] = _LEFT


@kernel
def play_runner(world, objects, layouts, rules, memory, maps, plan, option, actions):
    """See `ScriptedPlayer`."""
    for n in range(world.time.shape[0]):
        scene, mind = scene_of(world, objects, layouts, rules, n, maps), mind_of(memory, n)
        first = scene.first_hider
        is_alarmed = remember(scene, mind)
        is_start, layout = world.time[n] == 0, np.uint64(world.layout[n])
        is_known = mind.looked[0] == mind.stream[0] and mind.looked[1] == layout
        for a in range(first, scene.end_hiders):
            if is_alarmed:
                start_walks(scene, scene.free, a, a + 1, scene.costs)
                flee(scene, a, mind, False, actions[n, a - first])
            else:
                lie_low(scene, a, mind, is_start, is_known, actions[n, a - first])
        if is_start:
            mind.looked[0], mind.looked[1] = mind.stream[0], layout
