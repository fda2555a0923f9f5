"""What the first lines of a run say of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from envs.game import Game
from tests.run.count_env import CountEnv
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.own_game import config_class
from trainer.config.schema import Config
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.run_info import start_info
from trainer.schedules.alternation import Alternation


def test_the_start_says_which_checkpoints_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    identity = RunIdentity("a run", parent=None, mlflow_run_id=None)
    manager = CheckpointManager("two")
    info = start_info(Config(), manager, identity, RunOrigin(), (), Alternation(("seeker",)))
    assert info["checkpoints"] == "./two, every 10 iterations, the last 10 are kept"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "cpu because of small networks, 2 threads, fused engine"),
        ({"engine": "fused"}, "cpu because of train.engine = fused, 2 threads, fused engine"),
        ({"device": "cpu"}, "cpu, 2 threads, fused engine"),
        ({"device": "cuda"}, "cuda, 2 threads, torch engine because of train.device = cuda"),
    ],
)
def test_the_start_says_what_learns_and_why(
    settings: dict[str, str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.from_dict({"train": {**settings, "torch_threads": 2}})

    def device() -> object:
        identity = RunIdentity("a run", parent=None, mlflow_run_id=None)
        manager = CheckpointManager(tmp_path)
        origin, turns = RunOrigin(), Alternation(("seeker",))
        return start_info(config, manager, identity, origin, (), turns)["device"]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device() == told
    if config.train.device == "auto":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert device() == "cpu, 2 threads, fused engine"


def test_another_game_that_is_to_be_evaluated_is_told_that_it_cannot_be(tmp_path: Path) -> None:
    game = Game("counting", partial(CountEnv, {"alone": 1}))

    def told(**evaluation: int) -> object:
        config = config_class(game).from_dict({"evaluation": evaluation})
        identity = RunIdentity("a run", parent=None, mlflow_run_id=None)
        turns, manager = Alternation(("alone",)), CheckpointManager(tmp_path)
        return start_info(config, manager, identity, RunOrigin(), (), turns).get("evaluation")

    assert told() is None
    assert told(every=5) == "none: only hide and seek has players to be evaluated against"


def test_the_start_tells_of_opponents_and_of_a_warm_start_in_one_line_each(tmp_path: Path) -> None:
    identity = RunIdentity("a run", parent=None, mlflow_run_id=None)
    manager, turns = CheckpointManager(tmp_path), Alternation(("seeker",))
    config = Config.from_dict({"opponents": {"share": 0.2, "every": 5, "pool": 8}})
    source = tmp_path / "checkpoint_000005"
    origin = RunOrigin(warmstart=dict.fromkeys(("seeker_policy", "hider_policy"), source))
    notes = ("trained at L0, this run is at L1", "weights 0123")
    info = start_info(config, manager, identity, origin, notes, turns)
    assert info["opponents"] == (
        "earlier policies in 20% of the worlds, one more of each team every 5 iterations, 8 kept"
    )
    assert info["warm start"] == "; ".join(("both teams from checkpoint_000005", *notes))
    assert "restored" not in info
    plain = start_info(Config(), manager, identity, RunOrigin(), ("the same weights",), turns)
    assert plain["restored"] == "the same weights"
    assert ("opponents" in plain) == (Config().opponents.share > 0)
