"""What a step is worth. One world at a time.

What a seeker gets the hiders pay, to the same bits; only the pay for moving is each agent's own.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    COARSE,
    COARSE_CELL,
    DISTANCE_UNIT,
    F0,
)
from envs.hide_and_seek.kernels.jit import bare
from envs.hide_and_seek.kernels.presence import team_ends
from envs.hide_and_seek.kernels.vision import line_is_clear

_FARTHEST = np.float32(1e9)
_TO_ARENAS = np.float32(DISTANCE_UNIT / ARENA)


@bare
def any_hider_seen(sees, num_seekers):
    """Whether some seeker sees some hider, sees [A, A] bool."""
    num_agents = sees.shape[0]
    for i in range(num_seekers):
        for j in range(num_seekers, num_agents):
            if sees[i, j]:
                return True
    return False


@bare
def coarse_cell(x, y):
    """The index of the 0.5 m cell that holds x, y (inside the arena) in a distance table."""
    column, row = int(x / COARSE_CELL), int(y / COARSE_CELL)
    return min(row, COARSE - 1) * COARSE + min(column, COARSE - 1)


@bare
def potential(pos, num_seekers, distances):
    """The seekers' potential: minus the hiders' mean walking distance to a seeker.

    To the nearest one, in arena sides. pos [A, 2]; distances [576, 576] uint8 of this layout.
    """
    end_seekers, end_hiders = team_ends(pos, num_seekers)
    total = F0
    for j in range(num_seekers, end_hiders):
        target = coarse_cell(pos[j, 0], pos[j, 1])
        shortest = _FARTHEST
        for i in range(end_seekers):
            walk = np.float32(distances[coarse_cell(pos[i, 0], pos[i, 1]), target])
            shortest = min(shortest, walk)
        total += shortest
    return -total * _TO_ARENAS / np.float32(end_hiders - num_seekers)


@bare
def exposure(pos, num_seekers, walls, num_walls):
    """The seekers' potential of cover: the share of the hiders with a clear line to some seeker.

    Whatever his heading and range. pos [A, 2]; walls [4, W], of which the first `num_walls` count.
    """
    end_seekers, end_hiders = team_ends(pos, num_seekers)
    exposed = 0
    for j in range(num_seekers, end_hiders):
        for i in range(end_seekers):
            if line_is_clear(pos[i, 0], pos[i, 1], pos[j, 0], pos[j, 1], walls, num_walls):
                exposed += 1
                break
    return np.float32(exposed) / np.float32(end_hiders - num_seekers)


@bare
def bonus(world, n, pay, ended):
    """What world n pays a seeker beside the step itself: an early catch, a perfect hide."""
    if world.first_seen[n] < 0:
        return -pay.perfect_hide if ended else F0
    if pay.early_catch == F0:
        return F0
    seeking = world.episode_steps[n] - world.prep_steps[n]
    played = world.time[n] - world.prep_steps[n] - 1  # before this step
    if world.first_seen[n] != played:
        return F0
    return pay.early_catch * np.float32(seeking - played) / np.float32(seeking)
