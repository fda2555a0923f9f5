"""A runner that dies comes back; a real Ray, real actors, a real kill."""

from collections.abc import Iterator
from functools import partial

import pytest
import ray

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.ppo.building import build_trainer
from tests.ppo.one_step_env import OneStepEnv
from trainer.cluster.ray_session import start_ray, stop_ray
from trainer.config.schema import Config
from trainer.ppo.algorithm import TeamPPO


@pytest.fixture
def remote_trainer() -> Iterator[TeamPPO]:
    config = Config.from_dict(
        {
            "ppo": {"rollout_length": 8, "minibatch_size": 64},
            "ray": {"num_envs_per_env_runner": 16, "num_env_runners": 2},
        }
    )
    start_ray(config.ray)
    trainer = build_trainer(config, OneStepEnv)
    yield trainer
    trainer.stop()
    stop_ray()


@pytest.mark.slow
def test_a_killed_runner_comes_back_with_the_current_weights(
    remote_trainer: TeamPPO,
) -> None:
    remote_trainer.train()
    assert remote_trainer.last.env_steps == 2 * 16 * 8
    actors = remote_trainer.remote_runners.actors()
    ray.kill(next(iter(actors.values())), no_restart=False)
    sampled = []
    for _ in range(20):
        remote_trainer.train()
        sampled.append(remote_trainer.last.env_steps)
        if sampled[-1] == 2 * 16 * 8:
            break
    assert sampled[-1] == 2 * 16 * 8, sampled
    remote_trainer.check_weights()


@pytest.mark.slow
def test_a_runner_that_comes_back_gets_its_opponents_again() -> None:
    config = Config.from_dict(
        {
            "env": {"num_layouts": 2, "episode_steps": 12, "prep_steps": 3},
            "ppo": {"rollout_length": 8, "minibatch_size": 64},
            "ray": {"num_envs_per_env_runner": 8, "num_env_runners": 2},
            "opponents": {"share": 0.5, "every": 1000},
        }
    )
    start_ray(config.ray)
    trainer = build_trainer(config, partial(HideAndSeekBatchEnv, config.game))
    try:
        trainer.train()
        actors = trainer.remote_runners.actors()
        ray.kill(next(iter(actors.values())), no_restart=False)
        for _ in range(20):
            trainer.train()
            if trainer.last.env_steps == 2 * 8 * 8:
                break
        held = trainer.foreach_runner(lambda runner: sorted(runner.opponents.held.items()))
        assert [len(players) for players in held] == [4, 4]
        assert trainer.matchmaker is not None
        assert dict(held[0]) == trainer.matchmaker.opponents(1)
        assert trainer.env_runner.opponents.networks == {}  # the local one plays nothing
    finally:
        trainer.stop()
        stop_ray()
