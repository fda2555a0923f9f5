"""When a run is evaluated, and what its rows, checkpoints and `best` say of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.commands.small_players import GAME, make_network
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.schema import Config
from trainer.evaluation.evaluations import Evaluations
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo_trainer import train
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun

SCORE = "evaluation/score"


def values(folder: Path, **evaluation: Any) -> dict[str, Any]:
    return {
        "env": GAME,
        "ppo": {
            "checkpoint_dir": str(folder / "checkpoints"),
            "num_iterations": 5,
            "checkpoint_freq": 1,
            "rollout_length": 8,
            "minibatch_size": 32,
            "hiddens": [8],
            "num_epochs": 1,
        },
        "ray": {"num_envs_per_env_runner": 8},
        "evaluation": {"every": 2, "games": 8, **evaluation},
        "opponents": {"every": 1},
        "tracking": {"tensorboard_dir": None},
    }


def history(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "checkpoints" / "metrics_history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def measured(folder: Path) -> dict[int, dict[str, float]]:
    """By iteration, the numbers of its evaluation."""
    return {
        row["iteration"]: {
            key: number
            for key, number in row.items()
            if key.startswith("evaluation/") and number is not None
        }
        for row in history(folder)
    }


def fake_trainer() -> Any:
    networks = {"seeker_policy": make_network(1), "hider_policy": make_network(2)}
    return SimpleNamespace(
        progress=SimpleNamespace(iteration=0),
        networks=lambda: networks,
        team_names=("seeker", "hider"),
        opponents={},
        ratings={},
    )


def test_the_ratings_move_at_the_multiples_alone(tmp_path: Path) -> None:
    trainer = fake_trainer()
    config = Config.from_dict(values(tmp_path))
    evaluations = Evaluations(cast(TeamPPO, trainer), config)
    trainer.progress.iteration = 1
    row = evaluations.after_iteration(last=False)
    assert row
    assert all(math.isnan(number) for number in row.values())
    last = evaluations.after_iteration(last=True)
    assert list(last) == list(row)
    assert math.isfinite(last["evaluation/seeker_rating"])
    assert last["time/evaluation_s"] > 0.0
    assert trainer.ratings == {}
    trainer.progress.iteration = 2
    due = evaluations.after_iteration(last=False)
    assert {team: rating[0] for team, rating in trainer.ratings.items()} == {
        team: due[f"evaluation/{team}_rating"] for team in ("seeker", "hider")
    }


def test_without_evaluations_there_are_no_columns(tmp_path: Path) -> None:
    config = Config.from_dict(values(tmp_path, every=None))
    evaluations = Evaluations(cast(TeamPPO, fake_trainer()), config)
    assert evaluations.after_iteration(last=True) == {}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 5 iterations that was evaluated after 2, 4 and, as it ends there, 5."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(values(folder)).iteration == 5
    return folder


def test_a_run_that_was_stopped_and_resumed_has_the_same_numbers(
    whole: Path, tmp_path: Path
) -> None:
    half = train(values(tmp_path), until=3)
    assert half.checkpoint is not None
    extra = measured(tmp_path)[3]
    assert SCORE in extra
    origin = RunOrigin(saved=SavedRun.open(half.checkpoint))
    assert train(values(tmp_path), origin=origin).iteration == 5
    first, second = measured(whole), measured(tmp_path)
    assert "evaluation/hider_vs_past" in first[4]
    assert [i for i, found in first.items() if found] == [2, 4, 5]
    assert second == first | {3: extra}


def test_a_checkpoint_has_the_numbers_if_its_own_policies_were_evaluated(whole: Path) -> None:
    rows = measured(whole)
    for saved in CheckpointManager(whole / "checkpoints").list_checkpoints():
        found = {key: saved[key] for key in saved if key.startswith("evaluation/")}
        assert found == rows[saved["iteration"]]


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("best", ["score", "seeker", "evaluation/hider_vs_random", "iteration"])
def test_the_best_is_the_one_with_most_of_what_is_asked_for(
    whole: Path, best: str, mode: str
) -> None:
    config = Config.from_dict(values(whole, best=best, best_mode=mode))
    key = config.evaluation.best_metric
    found = {row["iteration"]: row[key] for row in history(whole) if row.get(key) is not None}
    manager = CheckpointManager(whole / "checkpoints", retention=config.retention)
    chosen = manager.find("best")
    most = (max if mode == "max" else min)(found.values())
    assert chosen.name == f"checkpoint_{max(i for i, n in found.items() if n == most):06d}"


def test_the_run_records_what_its_best_goes_by(whole: Path) -> None:
    manager = CheckpointManager(whole / "checkpoints")
    scores = {i: found[SCORE] for i, found in measured(whole).items() if found}
    best = max(scores, key=lambda i: (scores[i], i))
    assert manager.find("best").name == f"checkpoint_{best:06d}"
    saved = {row["iteration"]: row for row in manager.list_checkpoints()}
    assert saved[5]["best_by"] == {"metric": SCORE, "mode": "max"}


def test_a_run_without_evaluations_has_the_newest_as_its_best(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(values(tmp_path, every=None), until=2)
    assert not any(measured(tmp_path).values())
    folder = tmp_path / "checkpoints"
    assert CheckpointManager(folder).find("best").name == "checkpoint_000002"
    assert (
        f"{folder}: no sound checkpoint has {SCORE}, so the best is the newest" in caplog.messages
    )
