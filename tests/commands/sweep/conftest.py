"""A configuration that the sweeps of the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.commands.sweep.plan import Base, read_base


@pytest.fixture
def base(tmp_path: Path) -> Base:
    path = tmp_path / "mine.yaml"
    path.write_text("ppo: {num_iterations: 40, gamma: 0.97}\ntrain: {torch_threads: 4}\n")
    return read_base(str(path), None)
