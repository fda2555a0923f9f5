import os
from pathlib import Path

import pytest

from tests.checkpoints.fakes import WHEN, save
from trainer.checkpoints import __main__ as program
from trainer.checkpoints.manager import CheckpointManager


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power, and flushing is most of the time of a small save."""
    monkeypatch.setattr(os, "fsync", os.fstat)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A checkpoint directory that does not exist yet, with a blank in its name."""
    return tmp_path / "my checkpoints"


@pytest.fixture
def manager(directory: Path) -> CheckpointManager:
    return CheckpointManager(directory, keep_last_n=0, clock=lambda: WHEN)


@pytest.fixture
def four(manager, directory, monkeypatch):
    """Checkpoints 10 to 40, of which 20 has the best reward; the working directory is beside."""
    directory.mkdir()
    monkeypatch.chdir(directory.parent)
    for iteration, reward in ((10, 1.0), (20, 9.0), (30, 2.0), (40, 3.0)):
        save(manager, iteration, reward_mean=reward, payload=f"state {iteration}")
        (directory / f"metrics_iter_{iteration}.json").touch()
    return directory


@pytest.fixture
def call(four, capsys):
    """Run a command on the folder: exit code, standard output, standard error."""

    def call(*words):
        capsys.readouterr()
        folder = [] if "--checkpoint-dir" in words else ["--checkpoint-dir", str(four)]
        code = program.main([words[0], *folder, *map(str, words[1:])])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def two(directory):
    """Checkpoints 10, with much metadata, and 20, pinned."""
    manager = CheckpointManager(directory, clock=lambda: WHEN)
    save(manager, 10, seed=1, run_name="a", parent={"path": "x/y", "sha256": "0"})
    save(manager, 20)
    manager.pin(20)
    return directory
