"""Truncated episodes: cut like terminal ones, but what would have followed still counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch

from tests.ppo.building import build_trainer
from tests.ppo.endless_env import STEPS, EndlessEnv
from tests.ppo.one_step_env import OneStepEnv
from trainer.config.schema import Config
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.rollout import RolloutBatch

GAMMA = 0.5


@contextmanager
def training(*, terminal: bool) -> Iterator[TeamPPO]:
    ppo = {
        "rollout_length": 8,
        "minibatch_size": 64,
        "gamma": GAMMA,
        "lambda_": 1.0,
        "reward_scale": 1.0,
        "lr": 0.05,
        "hiddens": (8,),
        "num_epochs": 4,
    }
    config = Config.from_dict({"ppo": ppo, "ray": {"num_envs_per_env_runner": 16}})
    trainer = build_trainer(config, partial(EndlessEnv, terminal=terminal))
    try:
        yield trainer
    finally:
        trainer.stop()


def value_of(trainer: TeamPPO) -> float:
    """What the one thing that is ever seen is worth."""
    with torch.inference_mode():
        return float(trainer.networks()["seeker_policy"].value(torch.ones(1, 1)))


def learned_value(*, terminal: bool) -> float:
    with training(terminal=terminal) as trainer:
        for _ in range(12):
            trainer.train()
        return value_of(trainer)


def test_a_cut_off_game_is_worth_what_would_have_followed() -> None:
    assert learned_value(terminal=False) == pytest.approx(1 / (1 - GAMMA), abs=0.1)
    # As if it had ended: one point before the last step, one and a half before the one before.
    assert learned_value(terminal=True) == pytest.approx((1 + (1 + GAMMA)) / 2, abs=0.1)


def test_the_rollout_tells_where_it_was_cut_and_what_was_seen_last_is_worth() -> None:
    with training(terminal=False) as trainer:
        runner = trainer.env_runner
        for _ in range(2):  # the arrays are used again
            batch = runner.sample().batch
        team = batch.teams["seeker"]
        value = value_of(trainer)
        assert 0 < batch.dones.sum() == batch.dones.size / STEPS
        expected = np.where(batch.dones, value, 0.0)[..., None]
        np.testing.assert_allclose(team.final_values, expected, atol=1e-6)


def test_a_game_that_never_truncates_keeps_no_final_values() -> None:
    teams = OneStepEnv(4).teams
    batch = RolloutBatch.allocate(teams, 3, 4)
    twice = batch.sized(8)
    twice.fill(slice(4, 8), batch)
    assert twice.teams["hider"].final_values.shape == (0, 8, 1)
    whole = RolloutBatch.allocate(teams, 3, 4, truncates=True)
    assert whole.teams["hider"].final_values.shape == (3, 4, 1)
