"""The entry points: loops over all worlds. `batch_env` checks shapes and types before them."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.carrying import carry
from envs.hide_and_seek.kernels.climbing import climb
from envs.hide_and_seek.kernels.constants import F0
from envs.hide_and_seek.kernels.handling import handle
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.object_sight import look_at_objects
from envs.hide_and_seek.kernels.observing import observe_world
from envs.hide_and_seek.kernels.physics import move_agents
from envs.hide_and_seek.kernels.presence import is_there, team_ends
from envs.hide_and_seek.kernels.random_stream import mix
from envs.hide_and_seek.kernels.rewards import any_hider_seen, bonus, exposure, potential
from envs.hide_and_seek.kernels.solids import join_solids
from envs.hide_and_seek.kernels.spawn import start_episode
from envs.hide_and_seek.kernels.stages import note_stage
from envs.hide_and_seek.kernels.vision import update_sight
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_HEADS, NVEC


@bare
def first_bad_action(actions):
    """The flat index of the first action outside its head's range, -1 if all are fine."""
    flat = actions.reshape(-1, NUM_HEADS)
    for row in range(flat.shape[0]):
        for head in range(NUM_HEADS):
            if flat[row, head] < 0 or flat[row, head] >= NVEC[head]:
                return row * NUM_HEADS + head
    return -1


@inlined
def surroundings(world, objects, n, layouts, rules, solids):
    """What stops an agent in world n: walls, and boxes if there can be any; solids is scratch."""
    layout = world.layout[n]
    walls, num_walls = layouts.walls[layout], layouts.num_walls[layout]
    if rules.has_objects:
        num_walls = join_solids(walls, num_walls, objects.object_rect[n], solids)
        walls = solids
    return walls, num_walls


@inlined
def look(world, objects, n, rules, walls, num_walls):
    """Updates who sees what in world n; seekers are blind in the preparation.

    walls [4, W]: the `surroundings` of the world.
    """
    num_blind = rules.num_seekers if world.time[n] < world.prep_steps[n] else 0
    update_sight(
        world.pos[n],
        world.heading[n],
        num_blind,
        rules.cos_half_view,
        rules.vision_range,
        walls,
        num_walls,
        world.sees[n],
    )
    if rules.has_objects:
        look_at_objects(world, objects, n, num_blind, rules, walls, num_walls)


@bare
def begin_episode(world, objects, n, layouts, rules, solids):
    """Starts the next episode of world n and looks."""
    start_episode(world, objects, n, layouts, rules)
    walls, num_walls = surroundings(world, objects, n, layouts, rules, solids)
    look(world, objects, n, rules, walls, num_walls)


@bare
def observe_worlds(world, objects, starting, others, layouts, rules, seekers, hiders, scratch):
    """Looks afresh and writes the present observations.

    One kernel for all that is done outside of `step_worlds`: each would take seconds to compile.

    Args:
        starting: [N] bool, the worlds that start their next episode, as `step_worlds` does it.
        others: [N] bool, other worlds that are written too.
    """
    for n in range(world.time.shape[0]):
        if starting[n]:
            begin_episode(world, objects, n, layouts, rules, scratch.solids)
        if starting[n] or others[n]:
            walls, num_walls = surroundings(world, objects, n, layouts, rules, scratch.solids)
            if not starting[n]:
                look(world, objects, n, rules, walls, num_walls)
            observe_world(
                *(world, objects, n, layouts, rules, seekers, hiders, scratch.rays),
                *(walls, num_walls),
            )


@bare
def seed_worlds(stream, seeds):
    """Starts the random streams [N] from seeds [N], both uint64."""
    for n in range(seeds.shape[0]):
        stream[n] = mix(seeds[n])


@bare
def pay_for_moving(pos, before, num_seekers, per_metre, dones, rewards_s, rewards_h, moved, stats):
    """Adds what agents get for moving to the rewards, and at an episode's end to its stats.

    Apart from `step_worlds`, whose speed it would cost.

    Args:
        pos, before: [N, A, 2], where the agents stand and stood.
        per_metre: the pay.
        dones: [N]; rewards_s, rewards_h: [N, agents of the team]; stats [N, 8].
        moved: [N, 2], each team's mean pay in this episode so far, of those who take part.
    """
    num_worlds, num_agents = pos.shape[0], pos.shape[1]
    for n in range(num_worlds):
        end_seekers, end_hiders = team_ends(pos[n], num_seekers)
        for a in range(num_agents):
            dx, dy = pos[n, a, 0] - before[n, a, 0], pos[n, a, 1] - before[n, a, 1]
            pay = per_metre * np.sqrt(dx * dx + dy * dy)
            if a < num_seekers:
                rewards_s[n, a] += pay
                moved[n, 0] += pay / np.float32(end_seekers)
            else:
                rewards_h[n, a - num_seekers] += pay
                moved[n, 1] += pay / np.float32(end_hiders - num_seekers)
        if dones[n]:
            for team in range(2):
                stats[n, 1 + team] += moved[n, team]
                stats[n, 3 + team] += moved[n, team]
                moved[n, team] = F0


@inlined
def settle(world, n, layouts, rules, pay, walls, num_walls):
    """Counts the step just played in world n and returns a seeker's training reward for it.

    walls [4, W]: the `surroundings` of the world.
    """
    time = world.time[n]
    ended = time >= world.episode_steps[n]
    raw = F0
    if time > world.prep_steps[n]:
        seen = any_hider_seen(world.sees[n], rules.num_seekers)
        raw = pay.seen if seen else -pay.unseen
        if seen:
            world.seen_steps[n] += 1
            if world.first_seen[n] < 0:
                world.first_seen[n] = time - world.prep_steps[n] - 1
        if pay.early_catch > F0 or pay.perfect_hide > F0:
            raw += bonus(world, n, pay, ended)
    shaping = F0
    if rules.beta > F0 or rules.cover > F0 or world.credit[n] != F0:
        # Ng, Harada, Russell 1999, with the weights inside the potential so that they may change:
        # phi = beta * (distance) + cover * (exposure), F = gamma * phi(s') - phi(s), and phi is 0
        # at the end and as long as the seekers have not moved.
        credit = F0
        shaped = time > world.prep_steps[n] and not ended
        if rules.beta > F0 and shaped:
            distances = layouts.distances[world.layout[n]]
            credit = rules.beta * potential(world.pos[n], rules.num_seekers, distances)
        if rules.cover > F0 and shaped:
            credit += rules.cover * exposure(world.pos[n], rules.num_seekers, walls, num_walls)
        shaping = rules.gamma * credit - world.credit[n]
        world.credit[n] = credit
    world.raw_return[n] += raw
    world.shaping_return[n] += shaping
    return raw + shaping


@inlined
def share_out(pos, reward, rewards_s, rewards_h):
    """Gives every agent its reward for a step: who does not take part gets nothing.

    reward: a seeker's; rewards_s, rewards_h: [agents of the team], filled.
    """
    num_seekers = rewards_s.shape[0]
    for a in range(num_seekers):
        rewards_s[a] = reward if is_there(pos, a) else F0
    for a in range(rewards_h.shape[0]):
        rewards_h[a] = -reward if is_there(pos, num_seekers + a) else F0


@bare
def write_stats(world, objects, n, level, stats):
    """Fills stats [23] with the statistics of the episode that ended in world n."""
    main_steps = world.episode_steps[n] - world.prep_steps[n]
    unseen = world.first_seen[n] < 0
    stats[0] = world.time[n]
    stats[1] = world.raw_return[n]
    stats[2] = -world.raw_return[n]
    stats[3] = world.raw_return[n] + world.shaping_return[n]
    stats[4] = -stats[3]
    stats[5] = np.float32(world.seen_steps[n]) / np.float32(main_steps)
    stats[6] = main_steps if unseen else world.first_seen[n]
    stats[7] = 1 if unseen else 0
    stats[8] = level
    for k in range(objects.stage.shape[1]):
        stats[9 + k] = objects.stage[n, k]


@inlined
def move(world, objects, n, layouts, rules, scratch, walls, num_walls):
    """Moves agents and objects of world n by one step; walls are its `surroundings`."""
    num_frozen = rules.num_seekers if world.time[n] < world.prep_steps[n] else 0
    for a in range(world.pos.shape[1]):
        scratch.fixed[a] = a < num_frozen or not is_there(world.pos[n], a)
        if a < num_frozen:
            world.vel[n, a, 0], world.vel[n, a, 1] = F0, F0
    if rules.has_objects:
        layout = world.layout[n]
        locks = rules.ramp_locks[layouts.level[layout]]
        handle(world, objects, n, rules.num_seekers, num_frozen, locks, scratch.actions[n])
        carry(
            *(world, objects, n, rules.num_seekers, scratch.actions[n], scratch.fixed),
            *(walls, layouts.num_walls[layout]),
        )
    move_agents(
        world.pos[n],
        world.vel[n],
        world.heading[n],
        scratch.actions[n],
        scratch.fixed,
        objects.climb[n],
        walls,
        num_walls,
        scratch.before,
        scratch.between,
    )
    if rules.has_objects:
        climb(world, objects, n, rules.num_seekers, walls, num_walls)


@bare
def step_worlds(
    world,
    objects,
    scratch,
    layouts,
    rules,
    pay,
    restart,
    seekers,
    hiders,
    rewards_s,
    rewards_h,
    dones,
    stats,
):
    """Plays one step in all worlds.

    Args:
        scratch: its actions are played.
        restart: whether a finished world starts its next episode at once.
        rewards_s, rewards_h: [N, agents of the team] float32; dones [N] bool; stats [N, 23].

    Returns:
        -1, or the flat index of an action out of range; nothing has moved then.
    """
    bad = first_bad_action(scratch.actions)
    if bad >= 0:
        return bad
    for n in range(world.time.shape[0]):
        walls, num_walls = surroundings(world, objects, n, layouts, rules, scratch.solids)
        move(world, objects, n, layouts, rules, scratch, walls, num_walls)
        world.time[n] += 1
        look(world, objects, n, rules, walls, num_walls)
        reward = settle(world, n, layouts, rules, pay, walls, num_walls)
        share_out(world.pos[n], reward, rewards_s[n], rewards_h[n])
        ended = world.time[n] >= world.episode_steps[n]
        dones[n] = ended
        if rules.has_objects and (ended or world.time[n] == world.prep_steps[n]):
            end = layouts.num_walls[world.layout[n]] + BOX_SLOTS
            note_stage(world, objects, n, rules, layouts, ended, walls, end, scratch.passages)
        if ended:
            write_stats(world, objects, n, layouts.level[world.layout[n]], stats[n])
            if restart:
                begin_episode(world, objects, n, layouts, rules, scratch.solids)
                walls, num_walls = surroundings(world, objects, n, layouts, rules, scratch.solids)
        observe_world(
            *(world, objects, n, layouts, rules, seekers, hiders, scratch.rays, walls, num_walls)
        )
    return -1
