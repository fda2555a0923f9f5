"""Saving behind the training: what is captured, when it is told, and what a refusal does."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from tests.checkpoints.fakes import WRITERS, FakeAlgorithm
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.staging import StagedCheckpoint
from trainer.reporting.retrying_writer import RetryingWriter
from trainer.run.checkpoint_saver import CheckpointSaver, Saved
from trainer.run.disk_space import free_bytes


class Bench:
    """A saver over a real folder, with what it told."""

    def __init__(self, directory: Path) -> None:
        self.manager = CheckpointManager(directory, keep_last_n=0)
        self.source = FakeAlgorithm("at first")
        self.saved: list[Saved] = []
        self.failed: list[str] = []
        self.saver = CheckpointSaver(directory, self.saved.append, self.failed.append)
        self.beside = lambda path: None

    def capture(self, iteration: int) -> StagedCheckpoint:
        return self.manager.stage(self.source, iteration=iteration, metadata={}, writers=WRITERS)

    def save(self, iteration: int) -> None:
        self.saver.save({"iteration": iteration}, lambda: self.capture(iteration), self.beside)

    def iterations(self) -> list[int]:
        return [info["iteration"] for info in self.manager.list_checkpoints()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "checkpoints")


def test_what_is_saved_is_what_was_captured(bench: Bench) -> None:
    bench.save(1)
    bench.source.payload = "afterwards"
    bench.saver.close()
    (saved,) = bench.saved
    assert (saved.path / "algorithm_state.pkl").read_text() == "at first"
    bench.manager.verify(saved.path)


def test_training_is_not_held_up_and_the_next_save_waits_for_the_one_before(bench: Bench) -> None:
    gate, order = threading.Event(), []

    def beside(path: Path) -> None:
        assert gate.wait(60)
        order.append(path.name)

    bench.beside = beside
    bench.save(1)  # returns, though its commit does not come to an end
    bench.saver.poll()
    assert bench.saved == []
    releaser = threading.Timer(0.05, gate.set)
    releaser.start()
    bench.save(2)  # waits
    assert [saved.path.name for saved in bench.saved] == ["checkpoint_000001"]
    bench.saver.close()
    assert order == ["checkpoint_000001", "checkpoint_000002"]
    assert bench.saver.take_seconds() > 0.0
    assert bench.saver.take_seconds() == 0.0


def test_the_end_waits_for_the_last_commit(bench: Bench) -> None:
    bench.save(1)
    bench.saver.close()
    assert bench.iterations() == [1]
    assert len(bench.saved) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("where", ["capture", "commit"])
def test_a_refused_save_is_told_and_the_next_one_is_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str, number: int
) -> None:
    bench.save(1)
    bench.saver.settle()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        if where == "capture":
            broken.setattr(bench.source, "save_to_path", refuse)
        else:
            broken.setattr("trainer.checkpoints.manifest.write", refuse)
        bench.save(2)
        bench.saver.settle()
    (reason,) = bench.failed
    assert os.strerror(number) in reason
    assert "free disk space" in reason
    assert "free there)" in reason
    assert bench.saver.failed == reason
    assert bench.iterations() == [1]
    assert not list(bench.manager.directory.glob(".tmp*"))
    bench.save(3)
    bench.saver.close()
    assert bench.saver.failed is None
    assert bench.iterations() == [1, 3]


def test_a_plot_that_cannot_be_drawn_does_not_undo_the_checkpoint(bench: Bench) -> None:
    def beside(path: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    bench.beside = beside
    bench.save(1)
    bench.saver.close()
    assert bench.iterations() == [1]
    assert "saved, but not what belongs beside it" in bench.saved[0].trouble


def test_a_mistake_of_the_program_is_not_taken_for_a_full_disk(bench: Bench) -> None:
    def beside(path: Path) -> None:
        raise ZeroDivisionError

    bench.beside = beside
    bench.save(1)
    with pytest.raises(ZeroDivisionError):
        bench.save(2)
    bench.saver.close()


def test_rows_wait_for_a_disk_that_takes_them() -> None:
    written: list[float] = []
    told: list[str] = []
    full = False

    def write(row: dict[str, float]) -> None:
        if full:
            raise OSError(errno.ENOSPC, "no space")
        written.append(row["iteration"])

    rows = RetryingWriter("the history", write, told.append)
    for iteration in range(1, 8):
        full = iteration in (2, 3, 4, 6)
        rows.write({"iteration": iteration})
    assert written == [1, 2, 3, 4, 5, 6, 7]
    assert len(told) == 2
    assert "the history cannot be written: [Errno 28] no space; training continues" in told[0]


def test_what_is_waiting_at_the_end_is_tried_again_and_told() -> None:
    written: list[float] = []
    told: list[str] = []
    full = True

    def write(row: dict[str, float]) -> None:
        if full:
            raise OSError(errno.ENOSPC, "no space")
        written.append(row["iteration"])

    rows = RetryingWriter("the history", write, told.append)
    rows.write({"iteration": 1})
    rows.write({"iteration": 2})
    rows.flush()
    assert len(told) == 1
    rows.flush(last=True)
    assert told[-1] == "the history: 2 rows could not be written"
    full = False
    rows.flush()
    assert written == [1, 2]


def test_a_folder_that_cannot_be_looked_at_has_no_known_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "no permission", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    assert free_bytes(tmp_path) is None
