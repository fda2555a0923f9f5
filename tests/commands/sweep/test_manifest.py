"""sweep.json: what is found again, what is added, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import save
from tests.commands.sweep.sweeps import SCORE, filled
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.sweep.manifest import (
    CONFIG,
    CUT,
    FAILED,
    FINISHED,
    NAME,
    RUNNING,
    WAITING,
    check_writable,
    read_sweep,
    writing,
)
from trainer.commands.sweep.plan import Base
from trainer.commands.sweep.results import Measure, settings
from trainer.errors import UsageError


def test_the_runs_are_found_again_and_more_of_them_are_added(tmp_path: Path, base: Base) -> None:
    folder = tmp_path / "sweep"
    first = filled(folder, base, "ppo.lr=0.001,0.002", "train.seed=0", jobs=2)
    assert [*first.runs] == ["lr=0.001", "lr=0.002"]
    assert {run.threads for run in first.runs.values()} == {2}  # of 4 cores, shared out
    assert read_sweep(folder, base).runs == first.runs
    more = filled(folder, base, "train.seed=0,1", "ppo.lr=1e-3,4e-3")
    assert [*more.runs][:2] == [*first.runs]
    assert [*more.runs][2:] == ["seed=0_lr=0.004", "seed=1_lr=0.001", "seed=1_lr=0.004"]
    assert more.runs["lr=0.001"].threads == 2  # as at its first start: results may depend on it


def test_a_single_value_that_differs_from_earlier_runs_is_in_the_name(
    tmp_path: Path, base: Base
) -> None:
    """Two commands with one value each compare these as one command with both."""
    folder = tmp_path / "sweep"
    filled(folder, base, "ppo.lr=0.001", "train.seed=0,1")
    found = filled(folder, base, "ppo.lr=0.002", "train.seed=0", "ppo.gamma=0.9")
    assert [*found.runs] == ["seed=0", "seed=1", "lr=0.002_seed=0_gamma=0.9"]
    assert [s.text for s in settings(found, Measure(SCORE))] == ["lr 0.001", "lr 0.002, gamma 0.9"]


def test_threads_that_are_swept_are_left_alone(tmp_path: Path, base: Base) -> None:
    found = filled(tmp_path / "sweep", base, "train.torch_threads=1,3", jobs=2)
    assert [run.threads for run in found.runs.values()] == [1, 3]


def test_another_configuration_is_refused_plainly(tmp_path: Path, base: Base) -> None:
    filled(tmp_path / "sweep", base, "train.seed=0,1")
    other = Base(base.name, base.shown, {**base.values, "ppo": {"num_iterations": 41}})
    with pytest.raises(UsageError) as raised:
        read_sweep(tmp_path / "sweep", other)
    told = str(raised.value)
    assert "is a sweep of another configuration" in told
    assert "ppo.num_iterations: 40 there, 41 here; ppo.gamma: 0.97 there, not given here" in told


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, base: Base) -> None:
    (tmp_path / "notes.txt").touch()
    with (
        pytest.raises(UsageError, match="not empty and no sweep; name another folder with --out"),
        writing(tmp_path, base),
    ):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", "notes.txt"}


def test_a_kill_before_the_manifest_leaves_nothing_in_the_way(tmp_path: Path, base: Base) -> None:
    with writing(tmp_path / "sweep", base):
        pass
    assert {p.name for p in (tmp_path / "sweep").iterdir()} >= {CONFIG}
    assert filled(tmp_path / "sweep", base, "train.seed=0,1").runs


def test_a_folder_that_cannot_be_made_is_told_and_one_that_can_is_not_made(
    tmp_path: Path, base: Base
) -> None:
    with pytest.raises(UsageError, match=r"cannot write into /proc/x/y: No such file"):
        check_writable(Path("/proc/x/y"))
    check_writable(tmp_path / "a" / "b")
    filled(tmp_path / "sweep", base, "train.seed=0,1")
    before = {path.name for path in (tmp_path / "sweep").iterdir()}
    check_writable(tmp_path / "sweep")
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", "sweep"}


def test_there_is_one_writer(tmp_path: Path, base: Base) -> None:
    with (
        writing(tmp_path / "sweep", base),
        pytest.raises(UsageError, match="is being run by another process"),
        writing(tmp_path / "sweep", base),
    ):
        pass


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../elsewhere"},
        {"name": "a/b"},
        {"state": "fine"},
        {"iterations": 0},
        {"values": {"ppo.lr": 3}},
        {"values": {"ppo.lr": "[1,"}},
        {"values": {"ppo.lr": "1" * 5000}},
        {"name": "tensorboard"},
        {"name": NAME},
        {"error": None},
        {"more": 1},
    ],
)
def test_a_manifest_that_says_something_else_is_refused(
    tmp_path: Path, base: Base, change: dict[str, Any]
) -> None:
    filled(tmp_path / "sweep", base, "train.seed=0")
    path = tmp_path / "sweep" / NAME
    document = json.loads(path.read_text())
    document["runs"][0] |= change
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=NAME):
        read_sweep(tmp_path / "sweep", base)


def test_two_runs_of_one_name_are_refused(tmp_path: Path, base: Base) -> None:
    filled(tmp_path / "sweep", base, "train.seed=0")
    path = tmp_path / "sweep" / NAME
    document = json.loads(path.read_text())
    document["runs"] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="is the name of something else too"):
        read_sweep(tmp_path / "sweep", base)


def test_what_a_kill_has_left_is_read_from_the_checkpoints(tmp_path: Path, base: Base) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0,1,2,3,4")
    runs = [*sweep.runs.values()]
    for run, state in zip(runs, (RUNNING, RUNNING, RUNNING, FINISHED, FAILED), strict=True):
        sweep.set(run, state)
    save(CheckpointManager(sweep.checkpoints(runs[0])), 40, tags=["final"])
    save(CheckpointManager(sweep.checkpoints(runs[1])), 10)
    sweep.settle()
    found = [run.state for run in sweep.runs.values()]
    assert found == [FINISHED, CUT, WAITING, WAITING, FAILED]
