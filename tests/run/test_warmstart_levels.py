"""What a warm start says of networks that were trained at another level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import FakeAlgorithm
from trainer.checkpoints.manager import CheckpointManager
from trainer.run.warmstart import level_notes


def saved(folder: Path, text: str, **metadata: Any) -> Path:
    """A checkpoint of a run with this configuration."""
    writers = {"config.yaml": lambda path: path.write_text(text)}
    return CheckpointManager(folder).save(
        FakeAlgorithm(), iteration=5, metadata=metadata, writers=writers
    )


def test_another_level_is_told_once(tmp_path: Path) -> None:
    one = saved(tmp_path / "a", "env: {level: L0}\n")
    sources = dict.fromkeys(("seeker_policy", "hider_policy"), one)
    assert level_notes(sources, "L1") == ["trained at L0, this run is at L1"]
    assert level_notes(sources, "L0") == []
    sources["hider_policy"] = saved(tmp_path / "b", "env: {level: Q}\n")
    assert level_notes(sources, "L1") == ["trained at L0 and Q, this run is at L1"]


def test_of_a_curriculum_it_is_the_level_it_had_come_to(tmp_path: Path) -> None:
    source = saved(tmp_path, "env: {level: L0, curriculum: {levels: [L0, L1]}}\n", level="L1")
    assert level_notes({"seeker_policy": source}, "L1") == []


@pytest.mark.parametrize("text", ["env: [1]\n", "ppo: {}\n", "env: {level: [L0]}\n", "{", ""])
def test_a_level_that_cannot_be_read_is_passed_over(tmp_path: Path, text: str) -> None:
    assert level_notes({"seeker_policy": saved(tmp_path, text)}, "L1") == []
