"""A folder with a checkpoint and a configuration file, and plans for commands typed there."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden_checkpoint import GOLDEN, golden_in, record_config_file
from trainer.commands.train.arguments import add_run_arguments
from trainer.commands.train.plan import RunPlan, plan_run
from trainer.commands.train.start import Start

Planner = Callable[..., RunPlan]


def parsed(*words: str) -> argparse.Namespace:
    """The options of a command."""
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    return parser.parse_args(words)


def saved_values() -> dict[str, Any]:
    """The configuration in the golden checkpoint."""
    values: dict[str, Any] = yaml.safe_load((GOLDEN / "config.yaml").read_text())
    return values


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty `config.yaml`, and no checkpoint yet."""
    monkeypatch.chdir(tmp_path)
    for name in ("RESTORE_CHECKPOINT", "RAY_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.yaml").write_text("{}\n")
    return tmp_path


@pytest.fixture
def checkpoint(home: Path) -> Path:
    """A checkpoint of iteration 3 in ./checkpoints, of a run that `config.yaml` describes."""
    path = golden_in(home / "checkpoints")
    values = saved_values()
    (home / "config.yaml").write_text(yaml.safe_dump(values))
    record_config_file(path, home / "config.yaml", values)
    return path


@pytest.fixture
def resume(checkpoint: Path) -> Planner:
    """Plans to resume a checkpoint, by default the latest, with the options of a command."""

    def plan(*words: str, selector: str = "latest") -> RunPlan:
        return plan_run(parsed(*words), Start(resume=selector, source=""))

    return plan


@pytest.fixture
def fresh(home: Path) -> Planner:
    """Plans new runs with the options of a command."""

    def plan(*words: str) -> RunPlan:
        return plan_run(parsed(*words), Start(fresh=True))

    return plan
