"""Episodes as a runner samples them, without a trainer."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from tests.envs.playing import Play
from trainer.episodes.names import RecordName
from trainer.episodes.record import GAME
from trainer.ppo.episode_sampler import assemble
from trainer.ppo.sampled_episode import Part, SampledEpisode, Stretch
from trainer.run.session_recorder import encode

SETTINGS = {"level": "L2", "num_layouts": 2, "episode_steps": 12, "prep_steps": 3}
ABOUT = {"run": "a run", "game": GAME, "seed": 7, "parent": None, "versions": {"ray": "1"}}
SESSION = "ray_training_20261122_130524"


def part_of(play: Play, steps: int, world: int, iteration: int = 3, **cut: int) -> Part:
    """What one world does in a rollout of random actions."""
    rng = np.random.default_rng(iteration)
    rerun = play.env.rerun(world)
    actions, rewards, dones = [], [], []
    for _ in range(steps):
        drawn = play.random_actions(rng)
        play.step(drawn)
        actions.append({team: array[world] for team, array in drawn.items()})
        rewards.append({team: array[world].copy() for team, array in play.rewards.items()})
        dones.append(bool(play.dones[world]))
    teams = [spec.name for spec in play.env.teams]
    first, last = cut.get("first", 0), cut.get("last", steps)
    hashes = {"seeker_policy": "ab" * 32, "hider_policy": "cd" * 32}
    return Part(
        rerun,
        play.env.rerun(world).state(),
        {team: np.stack([one[team] for one in actions]) for team in teams},
        {team: np.stack([one[team] for one in rewards]) for team in teams},
        np.array(dones),
        first,
        last,
        Stretch(iteration, last - first, hashes, {"hider": 20}, {"vision_angle": 90.0}),
    )


def sampled(iteration: int = 3, **env: Any) -> SampledEpisode:
    """An episode of 12 steps, the first of world 1."""
    play = Play(HideAndSeekBatchEnv(HideAndSeekConfig(**{**SETTINGS, **env}), 3))
    play.reset(1, 2, 3)
    part = part_of(play, 12, 1, iteration)
    stats = dict(zip(play.env.stat_names, play.env.episode_stats[1].tolist(), strict=True))
    return assemble(1, [part], stats)


def content(
    episode: int = 1, worker: int = 0, session: str = SESSION, *, iteration: int = 3, **about: Any
) -> bytes:
    """A record as it is written."""
    name = RecordName(session, episode, worker)
    return encode(name, sampled(iteration), {**ABOUT, **about})
