"""Seekers that walk the shortest way to the nearest hider and look at it.

The chaser knows where all hiders are. The searcher knows the walls and boxes, and of the hiders
what it has seen itself.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.random_stream import next_below
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.looking import nearest_sight
from envs.hide_and_seek.players.maps import (
    PER_METER,
    ROW,
    SIDE,
    UNREACHED,
    cost_near,
    middle_of,
    nearest_free,
)
from envs.hide_and_seek.players.walking import mind_of, place_of, scene_of, start_walk, walk_to

_TRIES = 64  # random cells that are looked at for one that can be reached
_ARRIVED = int(0.4 * PER_METER)


@kernel
def nearest_hider(scene, a, only_seen):
    """The hider with seeker a's cheapest walk to it, -1 = none, and its cost."""
    nearest, least = -1, UNREACHED
    for h in range(scene.first_hider, scene.end_hiders):
        if only_seen and not scene.sees[a, h]:
            continue
        x, y = place_of(scene, h)
        cost = cost_near(scene.free, scene.costs, x, y)
        if nearest < 0 or cost < least:
            nearest, least = h, cost
    return nearest, least


@kernel
def aim_at_hiders(scene, a, only_seen):
    """Notes in `scene.goals` the cells of the hiders; returns how many have one."""
    count = 0
    for h in range(scene.first_hider, scene.end_hiders):
        if only_seen and not scene.sees[a, h]:
            continue
        x, y = place_of(scene, h)
        cell = nearest_free(scene.free, x, y)
        if cell >= 0:
            scene.goals[count] = cell
            count += 1
    return count


@kernel
def search(scene, a, mind, action):
    """Walks to random places, one after the other."""
    goal = scene.goals[0] = mind.goal[a]
    if goal >= 0:
        start_walk(scene, a, scene.goals[:1])
    if goal < 0 or scene.costs[goal] >= UNREACHED or scene.costs[goal] < _ARRIVED:
        goal = -1
        start_walk(scene, a, scene.goals[:0])
        for _ in range(_TRIES):
            row = 1 + next_below(mind.stream, 0, SIDE)
            cell = row * ROW + 1 + next_below(mind.stream, 0, SIDE)
            if scene.costs[cell] < UNREACHED:
                goal = cell
                break
        mind.goal[a] = goal
    if goal >= 0:
        x, y = middle_of(goal)
        walk_to(scene, a, goal, x, y, 0.0, 0.0, action)


@kernel
def chase(scene, a, mind, action):
    """Takes seeker a a step towards the nearest hider, or to where one can be seen from."""
    start_walk(scene, a, scene.goals[: aim_at_hiders(scene, a, False)])
    hider, cost = nearest_hider(scene, a, False)
    x, y = place_of(scene, hider)
    goal, goal_x, goal_y = -1, x, y
    if cost < UNREACHED:
        goal = nearest_free(scene.free, x, y)
    else:
        least = UNREACHED
        for h in range(scene.first_hider, scene.end_hiders):
            hider_x, hider_y = place_of(scene, h)
            cell = nearest_sight(scene, hider_x, hider_y)
            if cell >= 0 and scene.costs[cell] < least:
                goal, least, x, y = cell, int(scene.costs[cell]), hider_x, hider_y
        if goal < 0:
            search(scene, a, mind, action)
            return
        goal_x, goal_y = middle_of(goal)
    own_x, own_y = place_of(scene, a)
    walk_to(scene, a, goal, goal_x, goal_y, x - own_x, y - own_y, action)


@kernel
def follow(scene, a, mind, action):
    """Takes seeker a a step to the hider it sees, to where it saw one last, or on its search."""
    count = aim_at_hiders(scene, a, True)
    if count > 0:
        start_walk(scene, a, scene.goals[:count])
    hider, _ = nearest_hider(scene, a, True)
    if hider >= 0:
        mind.known[a] = True
        mind.place[a, 0], mind.place[a, 1] = place_of(scene, hider)
    x, y = mind.place[a, 0], mind.place[a, 1]
    goal = nearest_free(scene.free, x, y) if mind.known[a] else -1
    if goal >= 0 and count == 0:
        scene.goals[0] = goal
        start_walk(scene, a, scene.goals[:1])
    is_over = goal < 0 or scene.costs[goal] >= UNREACHED or scene.costs[goal] < _ARRIVED
    if hider < 0 and is_over:
        mind.known[a] = False
        search(scene, a, mind, action)
    else:
        own_x, own_y = place_of(scene, a)
        walk_to(scene, a, max(goal, 0), x, y, x - own_x, y - own_y, action)


@kernel
def play_chaser(world, objects, layouts, rules, memory, maps, plan, knows_all, actions):
    """See `ScriptedPlayer`; knows_all: the chaser, else the searcher."""
    for n in range(world.time.shape[0]):
        if world.time[n] < world.prep_steps[n]:
            continue
        scene, mind = scene_of(world, objects, layouts, rules, n, maps), mind_of(memory, n)
        for a in range(scene.end_seekers):
            if knows_all:
                chase(scene, a, mind, actions[n, a])
            else:
                follow(scene, a, mind, actions[n, a])
