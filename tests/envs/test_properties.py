"""What holds in every game, whatever the level, the seed and the actions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.hide_and_seek.kernels.physics import overlap_depth
from tests.envs.playing import Play, make_play

WORLDS = 3


@lru_cache(maxsize=64)
def play_for(level: str, seekers: int, hiders: int, angle: float) -> Play:
    return make_play(
        WORLDS,
        level=level,
        num_seekers=seekers,
        num_hiders=hiders,
        prep_steps=5,
        episode_steps=30,
        vision_angle=angle,
        shaping_beta=0.0,
    )


def check_invariants(play: Play) -> None:
    env = play.env
    world = env.world
    assert np.all((world.pos >= 0.25) & (world.pos <= 11.75))
    assert np.all(np.linalg.norm(world.vel, axis=-1) <= 0.25 + 1e-5)
    for n in range(env.num_envs):
        layout = world.layout[n]
        walls, count = env.layouts.walls[layout], env.layouts.num_walls[layout]
        for x, y in world.pos[n]:
            assert overlap_depth(x, y, walls, count) <= 2e-3
    for spec in env.teams:
        team = play.out[spec.name]
        assert np.all(np.isfinite(team.obs))
        assert np.abs(team.obs).max() <= 1.01
        for head, size in enumerate(spec.nvec):
            at = sum(spec.nvec[:head])
            assert np.all(team.action_mask[..., at : at + size].any(axis=-1))
    total = play.rewards["seeker"][:, 0] + play.rewards["hider"][:, 0]
    assert np.all(total == 0.0)
    for rewards in play.rewards.values():
        assert np.all(rewards == rewards[:, :1])  # one reward for the whole team


@settings(max_examples=30, deadline=None)
@given(
    level=st.sampled_from(["L0", "L1", "L2", "L3"]),
    seekers=st.integers(1, 3),
    hiders=st.integers(1, 3),
    angle=st.sampled_from([1.0, 135.0, 360.0]),
    seed=st.integers(0, 2**64 - 1),
    moves=st.integers(0, 2**32 - 1),
    drive=st.sampled_from([0, 1, 2]),
)
def test_invariants(
    level: str, seekers: int, hiders: int, angle: float, seed: int, moves: int, drive: int
) -> None:
    play = play_for(level, seekers, hiders, angle)
    play.reset(seed, 2**64 - 1 - seed, 0)
    rng = np.random.default_rng(moves)
    for _ in range(35):
        actions = play.random_actions(rng)
        for team in actions.values():
            if drive:  # straight on, into whatever comes
                team[..., 0] = drive
                team[..., 2] = 2
        play.step(actions)
        check_invariants(play)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), crowd=st.integers(0, 2**32 - 1))
def test_agents_thrown_together_come_to_no_harm(seed: int, crowd: int) -> None:
    """Six agents put down within half a meter of each other, on top of each other too."""
    play = play_for("L3", 3, 3, 135.0)
    play.reset(seed, seed, seed)
    rng = np.random.default_rng(crowd)
    world = play.env.world
    for n in range(WORLDS):
        layout = world.layout[n]
        walls, count = play.env.layouts.walls[layout], play.env.layouts.num_walls[layout]
        for a in range(1, 6):
            spot = world.pos[n, 0] + rng.uniform(-0.25, 0.25, 2).astype(np.float32)
            spot = np.clip(spot, 0.25, 11.75)
            if overlap_depth(spot[0], spot[1], walls, count) == 0.0:
                world.pos[n, a] = spot
    for _ in range(29):
        play.step(play.random_actions(rng))
        check_invariants(play)
