from pathlib import Path

import pytest

from tests.checkpoints.fakes import WHEN
from trainer.checkpoints.manager import CheckpointManager


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A checkpoint directory that does not exist yet, with a blank in its name."""
    return tmp_path / "my checkpoints"


@pytest.fixture
def manager(directory: Path) -> CheckpointManager:
    return CheckpointManager(directory, keep_last_n=0, clock=lambda: WHEN)
