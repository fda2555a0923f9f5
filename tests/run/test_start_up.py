"""Building a trainer in somebody's program: nothing twice, nothing left behind, nothing changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from trainer import ppo_trainer
from trainer.errors import RestoreFailed
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo_trainer import create_ppo_trainer
from trainer.run.saved_run import SavedRun

SMALL = {
    "env": {"num_layouts": 2},
    "ppo": {"rollout_length": 8, "minibatch_size": 32},
    "ray": {"num_envs_per_env_runner": 4},
}


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[Any]:
    """Counts the calls of a method."""
    calls: list[Any] = []
    original = getattr(owner, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(self)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, method)
    return calls


def test_the_game_is_built_once_and_the_programs_threads_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = counted(monkeypatch, HideAndSeekBatchEnv, "__init__")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trainer, _ = create_ppo_trainer(SMALL)
        trainer.train()
        assert len(built) == 1
        assert torch.get_num_threads() == 2
        trainer.stop()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("level", ["L0", "L2"])
def test_a_game_is_described_as_it_is_built(level: str) -> None:
    config = HideAndSeekConfig(level=level, num_layouts=1, num_hiders=3)
    game, env = config.resolved().spec, HideAndSeekBatchEnv(config, 1)
    assert (game.teams, game.stat_names) == (env.teams, env.stat_names)
    assert game.teams[1].agents == ("hider_0", "hider_1", "hider_2")


def test_a_start_that_fails_stops_what_it_has_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RestoreFailed("no")

    stopped = counted(monkeypatch, TeamPPO, "stop")
    saved = SimpleNamespace(rllib=SimpleNamespace(iteration=3))
    monkeypatch.setattr(SavedRun, "open", lambda *_: object())
    monkeypatch.setattr(ppo_trainer, "read_resume_state", lambda *_: saved)
    monkeypatch.setattr(ppo_trainer, "restore", fail)
    with pytest.raises(RestoreFailed):
        create_ppo_trainer(SMALL, restore_path="anywhere")
    assert len(stopped) == 1
