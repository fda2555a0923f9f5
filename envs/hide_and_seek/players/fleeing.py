"""The runner: a hider that keeps out of the seekers' sight and away from them.

It knows where they are. One world at a time.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import TOP_SPEED
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.looking import is_watched
from envs.hide_and_seek.players.maps import PER_METER, ROW, SIDE, UNREACHED, middle_of
from envs.hide_and_seek.players.walking import mind_of, scene_of, start_walks, walk_to

_EVERY = 4  # cells between two places that are weighed
_SPEED = float(TOP_SPEED)
# What a place is worth, in meters that the seekers have to walk to it.
_AWAY = 12.0  # they cannot come there, or have at least so far
_WATCHED = -8.0  # it is in their sight now
_TOO_LATE = -10.0  # they are there first
_WALK = -0.4  # each meter of one's own walk
_STAY = 1.0  # it is where one is going: no dithering


@kernel
def best_place(scene, goal):
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
            if worth > most and is_watched(scene, x, y):
                worth += _WATCHED
            if worth > most:
                best, most = cell, worth
    return best


@kernel
def flee(scene, a, mind, action):
    """Takes hider a a step towards the best place to hide from where the seekers are now.

    `scene.opponents` are the walks from the seekers, `scene.costs` those from the hider.
    """
    goal = best_place(scene, mind.goal[a])
    mind.goal[a] = goal
    if goal >= 0:
        x, y = middle_of(goal)
        walk_to(scene, a, goal, x, y, 0.0, 0.0, action)


@kernel
def play_runner(world, objects, layouts, rules, memory, maps, plan, option, actions):
    """See `ScriptedPlayer`."""
    for n in range(world.time.shape[0]):
        scene, mind = scene_of(world, objects, layouts, rules, n, maps), mind_of(memory, n)
        first = scene.num_seekers
        start_walks(scene, scene.free, 0, first, scene.opponents)
        for a in range(first, scene.pos.shape[0]):
            start_walks(scene, scene.free, a, a + 1, scene.costs)
            flee(scene, a, mind, actions[n, a - first])
