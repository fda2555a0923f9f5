"""What `diff` shows of two checkpoints, and how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.conftest import Call
from trainer.checkpoints.manager import CheckpointManager


class AsItIs:
    def save_to_path(self, path: str) -> None:
        pass


def resumed(iteration: int, **others: object) -> dict[str, Any]:
    parent = {"mode": "resume", "path": f"/a/long/way/{iteration}", "sha256": "5f" * 32}
    return {"parent": parent, "segment": f"{iteration:032x}", "run_name": "one", **others}


def test_diff_leaves_out_what_every_resume_changes(
    call: Call, four: Path, manager: CheckpointManager
) -> None:
    saves: dict[int, dict[str, Any]] = {
        50: {"run_name": "one", "segment": "0" * 32, "parent": None},
        60: resumed(60),
        70: resumed(70, run_name="two"),
        80: resumed(80, parent={"mode": "warmstart", "policies": {}}),
    }
    for iteration, told in saves.items():
        manager.save(AsItIs(), iteration=iteration, metadata=told)

    def found(a: int, b: int) -> set[str]:
        return set(json.loads(call("diff", str(a), str(b), "--json")[1])["metadata"])

    assert found(50, 60) == set()
    assert found(60, 70) == {"run_name", "parent.path"}
    assert found(60, 80) == {"parent.mode", "parent.path", "parent.sha256"}


def test_diff_fits_the_terminal(
    call: Call, four: Path, manager: CheckpointManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = {"git_commit": "5f" * 20, "host": "a " * 60, "run_name": "one", "place": "/a/b" * 30}
    manager.save(AsItIs(), iteration=50, metadata=long)
    manager.save(AsItIs(), iteration=60, metadata=resumed(60, git_commit="6e" * 20, run_name="2"))
    whole = call("diff", "50", "60")[1]
    assert max(map(len, whole.splitlines())) > 80  # a pipe has no width
    assert "5f5f5f5f5f5f " in whole
    assert "6e6e6e6e6e6e\n" in whole
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = call("diff", "50", "60")[1]
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split().count("a") == whole.split().count("a") > 30
