"""Whether a run fits into memory and on its disk, said before it begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from envs.hide_and_seek.spaces import NVEC, OBS_SIZE, STATE_SIZE
from tests.run.fake_training import FakeTrainer
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.run import disk_space
from trainer.run.disk_space import checkpoint_bytes, disk_warning
from trainer.run.memory_check import check_memory, needed_bytes

WORLDS = {"ray": {"num_envs_per_env_runner": 1_000}}


def test_what_no_memory_holds_is_refused_with_what_to_lower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = Config.from_dict(WORLDS)
    pages = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": needed_bytes(config)}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    check_memory(config)
    pages["SC_PHYS_PAGES"] -= 1
    with pytest.raises(ConfigError, match=r"num_envs_per_env_runner = 1000, .*ppo\.hiddens"):
        check_memory(config)
    check_memory(Config.from_dict({"ray": {**WORLDS["ray"], "address": "auto"}}))


def test_memory_grows_with_worlds_steps_and_weights() -> None:
    def needed(**groups: Any) -> int:
        return needed_bytes(Config.from_dict(groups))

    small = needed(**WORLDS)
    assert needed(ray={"num_envs_per_env_runner": 2_000}) > 1.9 * small
    assert needed(**WORLDS, ppo={"hiddens": [4096, 4096]}) > small + 2 * 2 * 16 * 4096**2
    assert needed(**WORLDS, env={"shaping_beta": 1.0}) > small
    states = 2 * 2 * 129 * 1_000 * 4 * STATE_SIZE  # two copies, two teams of one
    first_layers = 2 * 16 * 64 * (STATE_SIZE - OBS_SIZE)
    assert needed(**WORLDS, ppo={"critic": "state"}) == small + states + first_layers
    noise = 4 * 80 * 2 * sum(NVEC)  # bytes of a game: steps, agents, choices
    games = 2 * (2 + 64) * 4096  # random, scripted and earlier players of both teams
    many = needed(**WORLDS, evaluation={"games": 4096, "past": 64})
    assert many == needed(**WORLDS, evaluation={"every": None}, opponents={"share": 0.1}) + (
        games * noise
    )
    members = 4 * 2 * 64 * (OBS_SIZE + 64)
    assert needed(**WORLDS, opponents={"pool": 18}) == small + 10 * members


def test_a_network_too_large_for_a_checkpoint_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"network of .* is more than a checkpoint may hold"):
        check_memory(Config.from_dict({"ppo": {"hiddens": [8192] * 12}}))


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"keep_last_n": 2, "keep_best_n": 0}, "3 checkpoints that this run keeps (the last 2 and"),
        ({"keep_last_n": 2, "keep_best_n": 1}, "3 checkpoints that this run keeps (the last 2 and"),
        ({"keep_last_n": 2, "keep_best_n": 2}, "4 checkpoints that this run keeps (the last 2 and"),
        ({"keep_last_n": 0}, "10 checkpoints that this run keeps need about"),
        ({"keep_last_n": 0, "num_iterations": 95}, "10 checkpoints that this run keeps need"),
        ({"keep_last_n": 50}, "10 checkpoints that this run keeps need about"),
    ],
)
def test_a_disk_too_small_for_the_kept_checkpoints_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, int], kept: str
) -> None:
    ppo = {"checkpoint_freq": 10, "num_iterations": 100, **settings}
    config = Config.from_dict({"ppo": ppo})
    trainer: Any = FakeTrainer(config)
    enough = (int(kept.split()[0]) + 1) * checkpoint_bytes(
        trainer
    )  # one more while the next is written
    monkeypatch.setattr(disk_space, "free_bytes", lambda path: enough)
    assert disk_warning(trainer, config, tmp_path) is None
    monkeypatch.setattr(disk_space, "free_bytes", lambda path: enough - 1)
    warning = disk_warning(trainer, config, tmp_path)
    assert warning is not None
    assert f"the {kept}" in warning
    monkeypatch.setattr(disk_space, "free_bytes", lambda path: None)
    assert disk_warning(trainer, config, tmp_path) is None


def test_the_room_is_that_of_the_disk_the_folder_will_be_on(tmp_path: Path) -> None:
    free = disk_space.free_bytes(tmp_path / "not" / "there")
    assert free is not None
    assert free > 0
