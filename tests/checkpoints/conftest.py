import os
from pathlib import Path

import pytest

from tests.checkpoints.fakes import WHEN
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
