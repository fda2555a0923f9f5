"""What the first lines of a run say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.checkpoints.manager import CheckpointManager
from trainer.config.schema import Config
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.run_info import start_info
from trainer.schedules.alternation import Alternation


def test_the_start_says_which_checkpoints_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    identity = RunIdentity("a run", parent=None, mlflow_run_id=None)
    manager = CheckpointManager("two")
    info = start_info(Config(), manager, identity, RunOrigin(), (), Alternation(("seeker",)))
    assert info["checkpoints"] == "./two, every 10 iterations, the last 10 are kept"
