"""Three tiny checkpoints for the commands that play."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints.fakes import WHEN
from tests.commands.small_players import save_checkpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.players.shelf import Shelf


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the iterations 10, 20 (best) and 30 (final); tests do not change it."""
    folder = tmp_path_factory.mktemp("demo") / "checkpoints"
    manager = CheckpointManager(folder, clock=lambda: WHEN)
    for iteration in (10, 20):
        save_checkpoint(manager, iteration)
    save_checkpoint(manager, 30, tags=["final"])
    return folder


@pytest.fixture
def shelf(checkpoints: Path) -> Shelf:
    return Shelf(str(checkpoints))
