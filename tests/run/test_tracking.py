"""TensorBoard and MLflow as a run sees them: opened as configured, and what each is given."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.reporting.rows import make_row
from trainer.config.schema import Config
from trainer.reporting import mlflow_tracking
from trainer.reporting.tensorboard import TensorBoardWriter
from trainer.run import tracking
from trainer.run.identity import RunIdentity
from trainer.run.tracking import (
    MlflowRun,
    TensorBoardRun,
    TrackingStart,
    effective_values,
    open_trackers,
)

START = TrackingStart(3, 3000, {"schedule_current_iterations": 3})


class FakeMlflow:
    """Notes the calls of an `MlflowTracker`."""

    made: ClassVar[list[FakeMlflow]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        self.made.append(self)
        self.run_id = "id of the run"
        self.calls: list[tuple[Any, ...]] = [("open", *args, options["iteration"])]

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


def config_of(**settings: Any) -> Config:
    return Config.from_dict({"tracking": settings})


def test_nothing_is_opened_that_is_not_configured() -> None:
    identity = RunIdentity("a run", None, None)
    assert list(open_trackers(config_of(tensorboard_dir=None), identity, START, print)) == []


def test_mlflow_is_opened_before_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_tracking, "MlflowTracker", FakeMlflow)
    identity = RunIdentity("a run", None, "an earlier id")
    config = config_of(tensorboard_dir=str(tmp_path), mlflow=True, mlflow_uri="sqlite:///m.db")
    opening = open_trackers(config, identity, START, print)
    first = next(opening)
    assert isinstance(first, MlflowRun)
    assert list(tmp_path.iterdir()) == []
    assert identity.mlflow_run_id == "id of the run"
    (second,) = opening
    assert isinstance(second, TensorBoardRun)
    assert len(list((tmp_path / "a run").iterdir())) == 1
    second.finish("FINISHED")

    calls = FakeMlflow.made[-1].calls
    tracking = config.tracking
    where = (tracking.mlflow_uri, tracking.mlflow_experiment)
    assert calls[0] == ("open", *where, "a run", "an earlier id", 3)
    parameters = calls[1][1]
    assert parameters["ppo.seeker.lr"] == config.ppo.lr
    assert "version.torch" in parameters
    assert parameters["schedule_current_iterations"] == 3


def test_mlflow_gets_a_checkpoint_with_the_best_and_its_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_tracking, "MlflowTracker", FakeMlflow)
    monkeypatch.setattr(tracking.manifest, "digest", lambda path: "a digest")
    run = MlflowRun(config_of(), RunIdentity("a run", None, None), START, {}, print)
    fake = FakeMlflow.made[-1]
    del fake.calls[:]
    row, path = make_row(4), tmp_path / "checkpoint_000004"
    run.write(row)
    run.show(tmp_path / "plot.png", row, 2)
    run.checkpoint(path, row, {"schedule_current_iterations": 4})
    expected: list[tuple[Any, ...]] = [
        ("log_row", row),
        ("log_checkpoint", path, 4, "a digest", {"schedule_current_iterations": 4}),
        ("log_tags", {"best_checkpoint_iteration": 2}),
    ]
    assert fake.calls == expected
    figure = tmp_path / "training_metrics_iter_4.png"
    figure.write_bytes(b"PNG")
    run.checkpoint(path, row, {})
    assert fake.calls[-1] == ("log_figure", figure)


def test_a_row_that_tensorboards_disk_refuses_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []
    run = TensorBoardRun(tmp_path / "run", None, {}, {}, problems.append)
    (file,) = (tmp_path / "run").iterdir()
    before = file.stat().st_size

    def refuse(self: TensorBoardWriter, row: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as broken:
        broken.setattr(TensorBoardWriter, "_write", refuse)
        run.write(make_row(1))
    assert len(problems) == 1
    assert file.stat().st_size == before
    run.flush(last=True)
    assert file.stat().st_size > before
    run.finish("FINISHED")
    assert len(problems) == 1


def test_effective_values_are_those_of_the_level_and_the_team_without_credentials() -> None:
    config = Config.from_dict(
        {
            "env": {"level": "L1"},
            "ppo": {"lr": 0.01, "hider": {"lr": 0.02}},
            "tracking": {"mlflow_uri": "postgresql://me:secret@db/mlflow"},
        }
    )
    values = effective_values(config)
    assert (values["ppo.seeker.lr"], values["ppo.hider.lr"]) == (0.01, 0.02)
    assert values["env.num_hiders"] == config.env.resolved().num_hiders
    assert "secret" not in str(values)
    assert None not in values.values()
