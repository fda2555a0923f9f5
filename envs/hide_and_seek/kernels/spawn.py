"""The start of an episode in one world: draw a layout, places and headings."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import F0, HALF, NUM_HEADINGS, RADIUS
from envs.hide_and_seek.kernels.jit import bare
from envs.hide_and_seek.kernels.random_stream import next_below, next_unit

# Spawn places keep 0.1 m more than a radius from every wall: room for a shift within a circle
# of 0.1 m, so that starts do not sit on a grid.
_SHIFT = np.float32(0.14)
_APART = np.float32(2 * RADIUS + 0.01)
_TRIES = 16


@bare
def is_free(pos, a, x, y):
    """Whether a disc at x, y clears the agents placed before agent a."""
    for other in range(a):
        dx, dy = pos[other, 0] - x, pos[other, 1] - y
        if dx * dx + dy * dy < _APART * _APART:
            return False
    return True


@bare
def place_agent(pos, a, stream, n, places, num_places):
    """Puts agent a on a random free place, places [S, 2]; the bank ensures that there is one."""
    for _ in range(_TRIES):
        k = next_below(stream, n, num_places)
        x = places[k, 0] + (next_unit(stream, n) - HALF) * _SHIFT
        y = places[k, 1] + (next_unit(stream, n) - HALF) * _SHIFT
        if is_free(pos, a, x, y):
            pos[a, 0], pos[a, 1] = x, y
            return
    start = next_below(stream, n, num_places)
    for offset in range(num_places):
        k = (start + offset) % num_places
        pos[a, 0], pos[a, 1] = places[k, 0], places[k, 1]
        if is_free(pos, a, pos[a, 0], pos[a, 1]):
            return


@bare
def start_episode(world, n, layouts, rules):
    """Resets world n from its own stream; what it sees is not updated."""
    layout = next_below(world.stream, n, layouts.walls.shape[0])
    world.layout[n] = layout
    for a in range(world.pos.shape[1]):
        team = 0 if a < rules.num_seekers else 1
        num_places = layouts.num_spawns[layout, team]
        place_agent(world.pos[n], a, world.stream, n, layouts.spawns[layout, team], num_places)
        world.heading[n, a] = next_below(world.stream, n, NUM_HEADINGS)
        world.vel[n, a, 0], world.vel[n, a, 1] = F0, F0
    world.time[n] = 0
    world.prep_steps[n] = rules.prep_steps
    world.episode_steps[n] = rules.episode_steps
    world.credit[n] = F0
    world.raw_return[n] = F0
    world.shaping_return[n] = F0
    world.seen_steps[n] = 0
    world.first_seen[n] = -1
