"""The command run in this process, in an empty folder, without a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import Command, in_this_process
from tests.commands.small_players import save_checkpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.evaluate.main import main

Evaluate = Command


@pytest.fixture
def evaluate(
    checkpoints: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Evaluate:
    monkeypatch.chdir(tmp_path)
    return in_this_process(main, checkpoints, capsys)


WEAK_GAME: dict[str, Any] = {
    "level": "L0",
    "prep_steps": 4,
    "episode_steps": 40,
    "num_layouts": 2,
    "vision_angle": 90.0,
}
WEAK_TRAINING: dict[str, Any] = {
    "ppo": {"hiddens": [8], "rollout_length": 40, "minibatch_size": 512, "lr": 0.01},
    "ray": {"num_envs_per_env_runner": 64},
}


@pytest.fixture(scope="session")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with iteration 1: policies that have learned nothing; tests do not change it."""
    folder = tmp_path_factory.mktemp("evaluate") / "weak"
    save_checkpoint(CheckpointManager(folder), 1, game=WEAK_GAME, training=WEAK_TRAINING)
    return folder
