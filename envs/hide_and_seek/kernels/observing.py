"""All that the agents of a world perceive, and what they may do. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import F0
from envs.hide_and_seek.kernels.critic_state import close_doors, write_states
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.lidar import cast_rays
from envs.hide_and_seek.kernels.object_slots import (
    allow_handling,
    ramps_at_solids,
    write_objects,
)
from envs.hide_and_seek.kernels.observations import (
    clear_entities,
    write_lidar,
    write_mask,
    write_others,
    write_self,
)
from envs.hide_and_seek.kernels.presence import is_there


@inlined
def observe_world(world, objects, n, layouts, rules, seekers, hiders, rays, walls, num_walls):
    """Writes both teams' buffers for world n.

    Args:
        rays: [64], scratch.
        walls: [4, W]: the `surroundings` of the world.
    """
    time, prep_steps = world.time[n], world.prep_steps[n]
    pos, vel, heading, sees = world.pos[n], world.vel[n], world.heading[n], world.sees[n]
    num_seekers, num_agents = rules.num_seekers, pos.shape[0]
    climbable, ramp_locks = 0, False
    if rules.has_objects:
        climbable = ramps_at_solids(objects.object_rect[n], walls, num_walls)
        ramp_locks = rules.ramp_locks[layouts.level[world.layout[n]]]
    for a in range(num_agents):
        is_seeker = a < num_seekers
        first, end = (0, num_seekers) if is_seeker else (num_seekers, num_agents)
        view = seekers if is_seeker else hiders
        row, frozen = view.obs[n, a - first], is_seeker and time < prep_steps
        if not is_there(pos, a):
            row[:] = F0
            write_mask(view.action_mask[n, a - first], True)
            view.valid[n, a - first] = False
            continue
        cast_rays(pos[a, 0], pos[a, 1], rules.lidar_range, walls, num_walls, rays)
        write_self(row, pos, vel, heading, a, is_seeker, time, prep_steps, world.episode_steps[n])
        clear_entities(row)
        write_others(row, pos, vel, heading, a, first, end, sees)
        write_lidar(row, rays, heading[a], rules.lidar_range)
        write_mask(view.action_mask[n, a - first], frozen)
        if rules.has_objects:
            write_objects(row, world, objects, n, a, num_seekers, climbable)
            if not frozen and objects.climb[n, a] == 0:
                mask = view.action_mask[n, a - first]
                allow_handling(mask, world, objects, n, a, num_seekers, ramp_locks)
        view.valid[n, a - first] = not frozen
    if seekers.state.shape[2] + hiders.state.shape[2] > 0:
        layout = world.layout[n]
        doors, num_doors = layouts.doors[layout], layouts.num_doors[layout]
        close_doors(doors, num_doors, objects.object_rect[n], rules.has_objects, rays)
    for team in range(2):
        view = seekers if team == 0 else hiders
        if view.state.shape[2] > 0:
            first = 0 if team == 0 else num_seekers
            write_states(
                *(view.state[n], view.obs[n], world, objects, n, layouts, rules),
                *(first, climbable, rays),
            )
