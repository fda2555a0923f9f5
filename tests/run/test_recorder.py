"""What a run writes, when, and what happens to it when the disk or the training fails."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.reporting.rows import EVALUATED, NOT_EVALUATED
from tests.run.fake_training import FakeTrainer, RecordingConsole
from trainer.checkpoints.errors import CheckpointWriteFailed
from trainer.config.schema import Config
from trainer.errors import UsageError
from trainer.ppo.policy_files import load_policy, same_weights
from trainer.reporting.metrics import Row
from trainer.run import recorder as recorder_module
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.recorder import RunRecorder
from trainer.schedules.alternation import Alternation


class FakeTracker:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def write(self, row: Row) -> None:
        self.notes.append(f"row {row['iteration']}")

    def flush(self, *, last: bool = False) -> None:
        if last:
            self.notes.append("last flush")

    def show(self, figure: Path, row: Row, best: int | None) -> None:
        self.notes.append(f"figure {figure.name}, best {best}")

    def checkpoint(self, path: Path, row: Row, schedules: Mapping[str, Any]) -> None:
        self.notes.append(f"checkpoint {path.name}")

    def finish(self, status: str) -> None:
        self.notes.append(status)


class Figure:
    """A plot that is drawn at once."""

    def __init__(self, *args: object) -> None:
        pass

    def save(self, columns: object, path: Path) -> Path:
        path.write_bytes(b"PNG")
        return path


class Bench:
    """A recorder of a fake training in a folder, with what it showed and tracked."""

    def __init__(self, folder: Path, runners: int = 0) -> None:
        uri = "postgresql://me:secret@db/mlflow"
        self.folder = folder / "checkpoints"
        self.config = Config.from_dict(
            {
                "ppo": {"checkpoint_dir": str(self.folder)},
                "ray": {"num_env_runners": runners},
                "tracking": {"tensorboard_dir": None, "mlflow_uri": uri},
            }
        )
        self.trainer = cast(Any, FakeTrainer(self.config))
        self.console = RecordingConsole()
        self.saved: list[str] = []
        trainer, origin = self.trainer, RunOrigin()
        self.recorder = RunRecorder(
            trainer, self.config, self.console, origin, lambda path: self.saved.append(path.name)
        )

    def iterate(self, missing: tuple[int, ...] = ()) -> Row:
        row: Row = self.trainer.step(missing)
        self.recorder.write(row)
        return row


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> FakeTracker:
    tracker = FakeTracker()

    def open_trackers(*args: object) -> Iterator[FakeTracker]:
        yield tracker

    monkeypatch.setattr(recorder_module, "open_trackers", open_trackers)
    monkeypatch.setattr(recorder_module, "TrainingFigure", Figure)
    return tracker


def test_the_start_tells_whose_turn_it_is(tmp_path: Path, tracker: FakeTracker) -> None:
    bench = Bench(tmp_path)
    with bench.recorder as recorder:
        assert "alternating" not in recorder.info()
        turns = Alternation(("seeker", "hider"), 3)
        for now, text in (
            (turns, "seeker first, turns of 3 iterations"),
            (turns.advanced(), "seeker first for 2 iterations, turns of 3 iterations"),
        ):
            recorder.trainer.schedules.alternation = now
            assert recorder.info()["alternating"] == text


def test_before_the_first_row_nothing_is_on_the_disk(tmp_path: Path, tracker: FakeTracker) -> None:
    bench = Bench(tmp_path)
    with bench.recorder as recorder:
        assert recorder.info()["checkpoints"]
        recorder.finish(final=False, stopped=True)
    assert list(tmp_path.iterdir()) == []
    assert tracker.notes == []
    assert recorder.last_checkpoint is None


def test_rows_go_everywhere_and_a_save_holds_every_part(
    tmp_path: Path, tracker: FakeTracker
) -> None:
    bench = Bench(tmp_path)
    with bench.recorder as recorder:
        bench.iterate()
        recorder.save(bench.iterate())
        bench.iterate()
        recorder.finish(final=True, stopped=False)
    history = (bench.folder / "metrics_history.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in history[-3:]] == [1, 2, 3]
    assert bench.console.lines == [*(f"iteration {n}" for n in (1, 2, 3)), "saved 2", "saved 3"]
    assert bench.saved == ["checkpoint_000002", "checkpoint_000003"]
    assert tracker.notes[-2:] == ["last flush", "FINISHED"]
    assert {"row 1", "checkpoint checkpoint_000003"} <= set(tracker.notes)
    assert "figure training_metrics_iter_2.png, best 2" in tracker.notes

    last = recorder.last_checkpoint
    assert last == bench.folder / "checkpoint_000003"
    recorder.manager.verify(last)
    assert (last.with_name("metrics_iter_3.json")).is_file()
    for policy_id, network in bench.trainer.networks().items():
        assert same_weights(last / "policies" / policy_id, network.state_dict())
        assert load_policy(last / "policies" / policy_id).spec == network.spec
    metadata = json.loads((last / "metadata.json").read_text())
    assert metadata["tags"] == ["final"]
    assert metadata["iteration"] == 3
    assert json.loads((last / "training_state" / "history.json").read_text())["rows"] == 3
    text = (last / "config.yaml").read_text()
    assert "secret" not in text
    assert yaml.safe_load(text)["ppo"]["checkpoint_dir"] == str(bench.folder)


def test_an_iteration_that_is_saved_is_not_saved_again(
    tmp_path: Path, tracker: FakeTracker
) -> None:
    bench = Bench(tmp_path)
    with bench.recorder as recorder:
        recorder.save(bench.iterate())
        recorder.finish(final=False, stopped=True)
    assert bench.saved == ["checkpoint_000001"]
    assert tracker.notes[-1] == "KILLED"


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_trackers_get_how_a_run_ended(
    tmp_path: Path, tracker: FakeTracker, error: BaseException, status: str
) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(type(error)), bench.recorder:  # noqa: PT012
        bench.iterate()
        raise error
    assert tracker.notes == ["row 1", status]


def test_a_save_that_fails_last_is_an_error_and_an_earlier_one_is_reported(
    tmp_path: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench = Bench(tmp_path)
    with pytest.raises(CheckpointWriteFailed, match="No space left"), bench.recorder as recorder:  # noqa: PT012
        row = bench.iterate()
        monkeypatch.setattr(bench.trainer, "save_to_path", refuse)
        recorder.save(row)
        assert bench.console.lines[-1].endswith("Training continues, and the next save is tried")
        reported = len(bench.console.lines)
        recorder.finish(final=False, stopped=False)
    assert len(bench.console.lines) == reported  # the error itself says it
    assert tracker.notes[-1] == "FAILED"


def test_runners_that_die_are_reported(tmp_path: Path, tracker: FakeTracker) -> None:
    bench = Bench(tmp_path, runners=2)
    with bench.recorder:
        bench.iterate(missing=(1,))
        bench.iterate()
    assert bench.console.lines[0].startswith("warning: runner 1 of 2 died")
    assert "info: runner 1 of 2 is back, after 1 iteration" in bench.console.lines


def test_what_is_newer_than_the_resumed_iteration_becomes_a_branch(
    tmp_path: Path, tracker: FakeTracker
) -> None:
    first = Bench(tmp_path)
    with first.recorder as recorder:
        recorder.save(first.iterate())
        recorder.save(first.iterate())
    second = Bench(tmp_path)
    second.trainer.progress.iteration = 1
    with second.recorder:
        second.iterate()
    assert second.console.lines[0].startswith("info: resuming from iteration 1: newer files moved")
    assert not (second.folder / "checkpoint_000002").exists()


def test_a_resume_tells_the_last_evaluation_before_it(tmp_path: Path, tracker: FakeTracker) -> None:
    first = Bench(tmp_path)
    with first.recorder as recorder:
        for score in (0.25, 0.75):
            row = first.trainer.step() | EVALUATED
            row |= {"evaluation/score": score, "env_steps": 0}  # as the second one resumes
            recorder.write(row)
            recorder.save(row)
    second = Bench(tmp_path)
    second.trainer.progress.iteration = 1
    with second.recorder:
        assert not second.console.evaluation
        second.recorder.write(second.trainer.step() | NOT_EVALUATED)
    assert second.console.evaluation["iteration"] == 1
    assert second.console.evaluation["evaluation/score"] == 0.25


def test_the_id_of_a_new_mlflow_run_is_shown_with_the_command_that_resumes_it(
    tmp_path: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_trackers(config: Config, identity: RunIdentity, *args: object) -> list[FakeTracker]:
        identity.mlflow_run_id = "e3199a44"
        return [tracker]

    monkeypatch.setattr(recorder_module, "open_trackers", open_trackers)
    bench = Bench(tmp_path)
    with bench.recorder:
        bench.iterate()
        bench.iterate()
    (told,) = (line for line in bench.console.lines if "MLflow" in line)
    assert told.startswith("info: MLflow run e3199a44; resume it with: ")
    assert told.endswith("main.py --continue-run-id e3199a44")


def test_a_folder_that_cannot_be_made_is_a_usage_error(
    tmp_path: Path, tracker: FakeTracker
) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(UsageError, match="cannot write into"), bench.recorder:  # noqa: PT012
        bench.folder.write_text("a file")
        bench.iterate()
    assert tracker.notes == []


def test_time_is_measured_from_row_to_row(tmp_path: Path, tracker: FakeTracker) -> None:
    bench = Bench(tmp_path)
    with bench.recorder as recorder:
        recorder.save(bench.iterate())
        lap = recorder.lap()
        assert lap.total_s >= lap.save_s > 0.0
