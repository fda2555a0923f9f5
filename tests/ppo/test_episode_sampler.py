"""Episodes are sampled beside the training, which stays the same to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.envs.playing import Play
from tests.episodes.samples import part_of
from tests.ppo.building import build_trainer
from tests.run.count_env import CountEnv
from trainer.cluster.ray_session import quiet_logging, start_ray, stop_ray
from trainer.config.schema import Config
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.episode_sampler import NO_COPIES, EpisodeSampler, assemble, last_episodes
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.sampled_episode import SampledEpisode


def config_of(every: int | None, **groups: dict[str, Any]) -> Config:
    """Episodes of 13 steps in rollouts of 8, so that they end anywhere in them."""
    base: dict[str, dict[str, Any]] = {
        "env": {"level": "L2", "num_layouts": 2, "episode_steps": 13, "prep_steps": 3},
        "ppo": {"rollout_length": 8, "minibatch_size": 64, "num_epochs": 1},
        "ray": {"num_envs_per_env_runner": 16},
        "tracking": {"sessions": {"every": every}},
    }
    for name, group in groups.items():
        base[name] = {**base.get(name, {}), **group}
    return Config.from_dict(base)


def trainer_of(config: Config) -> TeamPPO:
    quiet_logging()
    return build_trainer(config, partial(HideAndSeekBatchEnv, config.game))


def trained(config: Config, iterations: int = 7) -> tuple[str, list[SampledEpisode]]:
    """The hash of the weights after some iterations, and the episodes sampled in them."""
    trainer = trainer_of(config)
    try:
        episodes: list[SampledEpisode] = []
        for _ in range(iterations):
            trainer.train()
            episodes += trainer.last.episodes.values()
            episodes += last_episodes(trainer).values()  # waited for: none is missed
        return trainer.check_weights(), episodes
    finally:
        trainer.stop()


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_training_is_the_same_to_the_bit_and_the_episodes_are_whole(engine: str) -> None:
    groups: dict[str, dict[str, Any]] = {
        "train": {"engine": engine},
        "opponents": {"share": 0.5, "every": 1},
        "schedules": {"env": {"vision_angle": {"type": "linear", "start": 300.0, "end": 100.0}}},
    }
    plain, nothing = trained(config_of(None, **groups))
    watched, episodes = trained(config_of(1, **groups))
    assert watched == plain
    assert nothing == []
    assert len(episodes) >= 2
    for episode in episodes:
        assert episode.without == ""
        assert episode.frames is not None
        assert sum(s.steps for s in episode.stretches) == episode.statistics["length"] == 13
        assert episode.frames["time"].tolist() == list(range(14))
        first = episode.iteration
        assert [s.iteration for s in episode.stretches] == [
            *range(first, first + len(episode.stretches))
        ]
        assert len({s.policies["seeker_policy"] for s in episode.stretches}) > 1
        angles = [s.parameters["vision_angle"] for s in episode.stretches]
        assert angles == sorted(angles, reverse=True)
        paid = float(episode.rewards["seeker"].mean())
        assert paid == pytest.approx(episode.statistics["seeker_return_shaped"], abs=1e-4)
    assert episodes[0].iteration == 1  # from the start of the worlds on
    assert len({episode.world for episode in episodes}) > 1


class Rollouts:
    """Rollouts whose ends are set by hand."""

    def __init__(self, steps: int) -> None:
        self.env = Play(HideAndSeekBatchEnv(config_of(1).env, 4)).env
        self.batch = RolloutBatch.allocate(self.env.teams, steps, 4)

    def play(self, sampler: EpisodeSampler, ends: dict[int, list[int]], first: float = 0.0) -> None:
        """A rollout whose episodes end after some steps, by world; they are told apart by
        their first statistic."""
        self.batch.dones[:] = False
        for world, steps in ends.items():
            self.batch.dones[steps, world] = True
        count = int(self.batch.dones.sum())
        stats = np.zeros((count, len(self.env.stat_names)), np.float32)
        stats[:, 0] = first + np.arange(count)
        sampler.end(self.batch, stats)


def without_copies(rollouts: Rollouts) -> EpisodeSampler:
    env = rollouts.env
    env.rerun = lambda world: None  # type: ignore[assignment, method-assign, return-value]
    return EpisodeSampler(env, lambda world: {}, dict)


def test_the_statistics_are_those_of_the_episode() -> None:
    rollouts = Rollouts(6)
    sampler = without_copies(rollouts)
    sampler.ask(4)
    sampler.begin(rollouts.batch, {})
    # World 1 ends after steps 1 and 4: the second episode is the first that is seen whole.
    world = int(4 * (4 * 0.6180339887498949 % 1.0))
    assert world == 1
    rollouts.play(sampler, {0: [0, 4], 1: [1, 4], 2: [1], 3: [4]}, first=10.0)
    episode = sampler.wait()
    assert episode is not None
    assert episode.world == 1
    # By step, then by world: 0:0, 1:1, 1:2, 4:0, 4:1, 4:3.
    assert episode.statistics["length"] == 14.0
    assert [(s.iteration, s.steps) for s in episode.stretches] == [(4, 3)]
    assert episode.without == NO_COPIES
    assert episode.frames is None
    assert sampler.take() is None


def test_an_episode_spans_rollouts_and_the_next_is_asked_for_after_it() -> None:
    rollouts = Rollouts(4)
    sampler = without_copies(rollouts)
    sampler.ask(4)
    sampler.ask(4)  # again, as for a runner that was restarted
    sampler.begin(rollouts.batch, {})
    rollouts.play(sampler, {1: [3]})  # it begins with the next rollout
    for _ in range(2):
        sampler.ask(5)  # while one is sampled there is no other
        sampler.begin(rollouts.batch, {})
        rollouts.play(sampler, {})
    sampler.begin(rollouts.batch, {})
    rollouts.play(sampler, {1: [0]}, first=3.0)
    episode = sampler.wait()
    assert episode is not None
    assert [(s.iteration, s.steps) for s in episode.stretches] == [(5, 4), (6, 4), (7, 1)]
    assert episode.statistics["length"] == 3.0
    assert episode.missed == 0


@pytest.mark.parametrize("what", ["rewards", "dones", "after"])
def test_what_goes_otherwise_when_played_again_has_no_frames(what: str) -> None:
    env = HideAndSeekBatchEnv(config_of(1).env, 2)
    play = Play(env)
    play.reset(1, 2)
    part = part_of(play, 13, 1)
    assert assemble(1, [part], {}).frames is not None
    part = part_of(play, 13, 1)
    if what == "after":
        changed = replace(part, after={**part.after, "stream": part.after["stream"] + 1})
    elif what == "dones":
        changed = replace(part, dones=np.zeros_like(part.dones))
    else:
        changed = replace(part, rewards={t: a + 1.0 for t, a in part.rewards.items()})
    episode = assemble(1, [changed], {"length": 13.0})
    assert episode.frames is None
    assert "played again it went otherwise" in episode.without
    assert episode.statistics["length"] == 13.0


def test_a_mistake_in_the_copy_does_not_end_a_training() -> None:
    play = Play(HideAndSeekBatchEnv(config_of(1).env, 2))
    play.reset(1, 2)
    part = part_of(play, 13, 1)
    part.actions["seeker"][5] = 99  # an action that there is not
    episode = assemble(1, [part], {"length": 13.0})
    assert episode.frames is None
    assert episode.without.startswith("it could not be played again: ValueError: action")


def test_a_game_without_copies_gives_statistics_alone() -> None:
    config = config_of(1, ppo={"hiddens": [8]})
    quiet_logging()
    trainer = build_trainer(config, partial(CountEnv, {"seeker": 1, "hider": 2}))
    try:
        episodes: list[SampledEpisode] = []
        for _ in range(3):
            trainer.train()
            episodes += trainer.last.episodes.values()
        episodes += last_episodes(trainer).values()
    finally:
        trainer.stop()
    assert episodes
    assert all(episode.without == NO_COPIES for episode in episodes)
    assert all(episode.statistics["length"] > 0 for episode in episodes)


@pytest.fixture
def remote() -> Iterator[TeamPPO]:
    config = config_of(2, ray={"num_env_runners": 2, "num_envs_per_env_runner": 8})
    start_ray(config.ray)
    trainer = trainer_of(config)
    yield trainer
    trainer.stop()
    stop_ray()


@pytest.mark.slow
def test_remote_runners_send_an_episode_each(remote: TeamPPO) -> None:
    found: dict[int, SampledEpisode] = {}
    for _ in range(8):
        remote.train()
        found |= remote.last.episodes
    found |= last_episodes(remote)
    assert sorted(found) == [1, 2]
    assert all(episode.frames is not None for episode in found.values())
