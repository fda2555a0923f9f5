"""A trainer on the one-step game, built once per test module that wants it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ppo.building import build_trainer
from tests.ppo.one_step_env import OneStepEnv
from trainer.cluster.ray_session import quiet_logging
from trainer.config.schema import Config
from trainer.ppo.algorithm import TeamPPO


def small_config(**ppo: Any) -> Config:
    """64 worlds x 16 steps, minibatches of 256."""
    settings = {"rollout_length": 16, "minibatch_size": 256, "lr": 3e-3, **ppo}
    return Config.from_dict({"ppo": settings, "ray": {"num_envs_per_env_runner": 64}})


@pytest.fixture
def build() -> Iterator[Callable[..., TeamPPO]]:
    """Builds trainers on the one-step game from PPO settings, and stops them afterwards."""
    quiet_logging()
    built: list[TeamPPO] = []

    def make(**ppo: Any) -> TeamPPO:
        built.append(build_trainer(small_config(**ppo), OneStepEnv))
        return built[-1]

    yield make
    for trainer in built:
        trainer.stop()
