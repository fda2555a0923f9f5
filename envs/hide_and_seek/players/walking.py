"""The scene of a world, and the walks of agents through it. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import RADIUS
from envs.hide_and_seek.kernels.presence import team_ends
from envs.hide_and_seek.kernels.solids import join_solids
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import (
    block,
    cell_at,
    free_all,
    nearest_free,
    next_place,
    numbers,
    walk_from,
    walk_until,
)
from envs.hide_and_seek.players.state import Memory, Scene
from envs.hide_and_seek.players.steering import FREELY, bin_of, push_to, turn_to
from envs.hide_and_seek.spaces import BOX_SLOTS

DISC = float(RADIUS)


@kernel
def block_solids(free, solids, num_solids):
    """Blocks the cells where a disc overlaps one of solids [4, S]."""
    for s in range(num_solids):
        if solids[2, s] > 0.0:
            x, y, half_x, half_y = numbers(solids[:, s])
            block(free, x, y, half_x, half_y, DISC)


@kernel
def scene_of(world, objects, layouts, rules, n, maps):
    """World n as it is now, with its map and without walks."""
    layout, pos, first_hider = world.layout[n], world.pos[n], rules.num_seekers
    end_seekers, end_hiders = team_ends(pos, first_hider)
    walls, num_walls = layouts.walls[layout], layouts.num_walls[layout]
    join_solids(walls, num_walls, objects.object_rect[n], maps.solids)
    num_solids = num_walls + BOX_SLOTS  # also those that are absent: all have their places
    free_all(maps.free, DISC)
    block_solids(maps.free, maps.solids, num_solids)
    return Scene(
        end_seekers,
        first_hider,
        end_hiders,
        int(num_walls),
        int(num_solids),
        max(int(world.prep_steps[n]) - int(world.time[n]), 0),
        pos,
        world.vel[n],
        world.heading[n],
        world.sees[n],
        objects.object_rect[n],
        objects.lock_team[n],
        objects.holding[n],
        objects.near[n],
        objects.climb[n],
        maps.solids,
        maps.free,
        maps.costs,
        maps.opponents,
        maps.pair,
        maps.pair_costs,
        maps.starts,
        maps.goals,
        maps.queue,
        maps.filled,
        maps.path,
    )


@kernel
def mind_of(memory, n):
    """The rows of a `Memory` for world n."""
    return Memory(
        memory.stream[n],
        memory.goal[n],
        memory.known[n],
        memory.place[n],
        memory.target[n],
        memory.side[n],
        memory.refused[n],
        memory.stuck[n],
        memory.planned[n],
        memory.refuge[n],
        memory.door_box[n],
        memory.door_hider[n],
        memory.door_side[n],
        memory.inside[n],
        memory.door_shift[n],
        memory.looked[n],
        memory.found[n],
    )


@kernel
def place_of(scene, a):
    """Where agent a is: x, y."""
    return np.float64(scene.pos[a, 0]), np.float64(scene.pos[a, 1])


@kernel
def start_walks(scene, free, first, end, costs):
    """Fills costs [CELLS] with the walks on a map from where agents first to end - 1 are."""
    for a in range(first, end):
        x, y = place_of(scene, a)
        cell = nearest_free(free, x, y)
        scene.starts[a - first] = cell_at(x, y) if cell < 0 else cell
    walk_from(free, scene.starts[: end - first], costs, scene.queue, scene.filled)


@kernel
def start_walk(scene, a, goals):
    """Fills `scene.costs` with the walks of agent a up to the nearest of some cells [G]."""
    x, y = place_of(scene, a)
    cell = nearest_free(scene.free, x, y)
    scene.starts[0] = cell_at(x, y) if cell < 0 else cell
    walk_until(scene.free, scene.starts[:1], goals, scene.costs, scene.queue, scene.filled)


@kernel
def walk_to(scene, a, goal, goal_x, goal_y, look_x, look_y, action):
    """Takes agent a a step on its way to a point in cell `goal`, looking in a direction.

    `scene.costs` are its walks. look_x, look_y: 0, 0 = where it walks.
    """
    x, y = place_of(scene, a)
    next_x, next_y = next_place(scene.free, scene.costs, scene.path, x, y, goal, goal_x, goal_y)
    if look_x == 0.0 and look_y == 0.0:
        look_x, look_y = next_x - x, next_y - y
    heading = turn_to(action, int(scene.heading[a]), bin_of(look_x, look_y))
    vel_x, vel_y = np.float64(scene.vel[a, 0]), np.float64(scene.vel[a, 1])
    push_to(action, next_x - x, next_y - y, vel_x, vel_y, heading, FREELY)
