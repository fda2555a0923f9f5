"""Finding, listing and opening checkpoints, and the library's own example of use."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import pytest

import trainer.checkpoints
from tests.checkpoints.fakes import FakeAlgorithm, damage, save
from trainer.checkpoints import CheckpointReader
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager


class Restorable(FakeAlgorithm):
    restored: Path | None = None

    def restore_from_path(self, path: str) -> None:
        self.restored = Path(path)


def test_the_example_of_the_package_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    example = inspect.cleandoc(trainer.checkpoints.__doc__ or "").split("\n\n", 1)[1]
    code = textwrap.dedent(example.rpartition("\n\n")[0])
    algorithm = Restorable()
    exec(code, {"algorithm": algorithm})
    assert capsys.readouterr().out == "50 34.5\n"
    assert algorithm.restored == tmp_path / "checkpoints" / "checkpoint_000050"


def test_a_reader_changes_nothing(manager: CheckpointManager, directory: Path) -> None:
    save(manager, 10)
    save(manager, 20)
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    reader = CheckpointReader(directory)
    assert reader.listing(must_exist=True).iterations == [10, 20]
    assert reader.find("latest") == reader.open(20, verify=True)
    assert reader.open_or_older("best") == (directory / "checkpoint_000020", [])
    assert reader.get_checkpoint_by_iteration(30) is None
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_an_absent_folder_is_empty_unless_it_must_exist(tmp_path: Path) -> None:
    reader = CheckpointReader(tmp_path / "none")
    assert reader.listing().checkpoints == ()
    with pytest.raises(FileNotFoundError):
        reader.listing(must_exist=True)
    with pytest.raises(NoUsableCheckpoint):
        reader.find("latest")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        CheckpointReader(tmp_path / "file").listing()


def test_opening_verifies_when_asked_to(manager: CheckpointManager, directory: Path) -> None:
    save(manager, 10)
    save(manager, 20)
    damage(directory, 20)
    folder = directory / "checkpoint_000020"
    assert manager.find(20) == manager.open(20) == folder
    with pytest.raises(CheckpointCorrupted, match=r"algorithm_state\.pkl"):
        manager.open(20, verify=True)
    older, (damaged,) = manager.open_or_older(20)
    assert (older.name, damaged.path) == ("checkpoint_000010", folder)
    assert folder.is_dir()  # nothing is moved until it is asked for
    (quarantined,) = manager.quarantine([damaged.path])
    assert quarantined.moved_to is not None
    assert not folder.exists()
    assert manager.quarantine([damaged.path]) == []
