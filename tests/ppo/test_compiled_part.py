"""Compiled rollouts against those that the interpreter plays step by step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.ppo.building import build_trainer
from trainer.cluster.ray_session import quiet_logging
from trainer.config.schema import Config
from trainer.ppo import opponent_play
from trainer.ppo.rollout_part import RolloutPart
from trainer.ppo.sample import Sample

ARRAYS = ("obs", "action_mask", "valid", "state", "actions", "logits", "logp", "rewards")


def samples_of(config: dict[str, Any]) -> list[Sample]:
    """Copies of three rollouts that one run plays."""
    quiet_logging()
    made = Config.from_dict(config)
    trainer = build_trainer(made, partial(HideAndSeekBatchEnv, made.env))
    trainer.env_runner.set_plan({}, {"hider": tuple(np.linspace(0.0, 1.0, 16))})
    if made.opponents.share:
        opponent_play.prepare(trainer)
        opponent_play.seat_runners(trainer, {"seeker": True, "hider": True})
    try:
        samples = []
        for _ in range(3):
            sample = trainer.env_runner.sample()
            batch = sample.batch
            teams = {name: team.map(np.copy) for name, team in batch.teams.items()}
            samples.append(replace(sample, batch=type(batch)(teams, batch.dones.copy())))
        return samples
    finally:
        trainer.stop()


@pytest.mark.parametrize(
    ("env", "critic", "threads", "share"),
    [
        ({"level": "L0"}, "obs", 2, 0.0),
        ({"level": "L0"}, "obs", 3, 0.9),
        ({"level": "L4", "num_seekers": 1}, "state", 3, 0.6),
    ],
)
def test_the_same_is_played_with_and_without_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, Any], critic: str, threads: int, share: float
) -> None:
    config = {
        "env": {**env, "num_layouts": 3, "episode_steps": 11, "prep_steps": 3},
        "ppo": {"rollout_length": 16, "minibatch_size": 32, "critic": critic},
        "ray": {"num_envs_per_env_runner": 7},
        "train": {"engine": "fused", "torch_threads": threads},
        "opponents": {"share": share},
    }
    with monkeypatch.context() as without_interpreter:
        without_interpreter.delattr(RolloutPart, "play")
        compiled = samples_of(config)
    monkeypatch.setattr(HideAndSeekBatchEnv, "compiled", lambda *_: None)
    for one, other in zip(compiled, samples_of(config), strict=True):
        np.testing.assert_array_equal(one.episode_stats, other.episode_stats)
        np.testing.assert_array_equal(one.meetings, other.meetings)
        np.testing.assert_array_equal(one.batch.dones, other.batch.dones)
        for name, team in one.batch.teams.items():
            assert team.state.any() == (critic == "state")
            for array in ARRAYS:
                found, expected = getattr(team, array), getattr(other.batch.teams[name], array)
                np.testing.assert_array_equal(found, expected, f"{name} {array}")
    assert sum(len(sample.episode_stats) for sample in compiled) == 7 * (3 * 16 // 11)
