"""Places in a shelter at which nobody outside can look. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.looking import is_open, is_watched
from envs.hide_and_seek.players.maps import ROW, SIDE, UNREACHED, middle_of
from envs.hide_and_seek.players.walking import walk_to

_EVERY = 4  # cells between two places to hide that are weighed
_VIEWS_EVERY = 3  # cells between two places to look from


@kernel
def count_views(scene, x, y, enough):
    """From how many of the places that seekers reach a point can be seen; stops at `enough`."""
    count = 0
    for row in range(1, SIDE + 1, _VIEWS_EVERY):
        for column in range(1, SIDE + 1, _VIEWS_EVERY):
            if scene.opponents[row * ROW + column] >= UNREACHED:
                continue
            from_x, from_y = middle_of(row * ROW + column)
            if is_open(scene, from_x, from_y, x, y):
                count += 1
                if count >= enough:
                    return count
    return count


@kernel
def best_shelter(scene):
    """The cell seen from the fewest places that seekers reach, of those the nearest; -1 = none."""
    best, fewest, least = -1, 1 << 30, UNREACHED
    for row in range(1, SIDE + 1, _EVERY):
        for column in range(1, SIDE + 1, _EVERY):
            cell = row * ROW + column
            cost = int(scene.costs[cell])
            if cost >= UNREACHED or (fewest == 0 and cost >= least):
                continue
            x, y = middle_of(cell)
            views = count_views(scene, x, y, fewest + 1)
            if views < fewest or (views == fewest and cost < least):
                best, fewest, least = cell, views, cost
    return best


@kernel
def hide(scene, a, mind, action):
    """Takes hider a, whom nobody can reach, a step towards a place that nobody can look at.

    `scene.costs` are its walks, `scene.opponents` those of the seekers.
    """
    goal = mind.goal[a]
    if goal >= 0:
        x, y = middle_of(goal)
        if is_watched(scene, x, y) or scene.costs[goal] >= UNREACHED:
            goal = -1
    if goal < 0:
        goal = best_shelter(scene)
        mind.goal[a] = goal
    if goal >= 0:
        x, y = middle_of(goal)
        walk_to(scene, a, goal, x, y, 0.0, 0.0, action)
