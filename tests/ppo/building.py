"""Trainers on the games of the tests."""

from __future__ import annotations

from envs.batch_env import GameSpec
from trainer.config.schema import Config
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.algorithm_config import EnvMaker, algorithm_config


def build_trainer(config: Config, make_env: EnvMaker) -> TeamPPO:
    world = make_env(1)
    game = GameSpec(world.teams, world.stat_names)
    trainer: TeamPPO = algorithm_config(config, make_env, None, game).build_algo()
    return trainer
