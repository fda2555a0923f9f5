"""The examples, each run as a reader would run it: they end well and show what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts import forked

EXAMPLES = Path(__file__).parents[2] / "examples"


def environment(folder: Path) -> dict[str, str]:
    """That of a reader whose home is `folder`."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**clean, "HOME": str(folder), "TMPDIR": str(folder), "RAY_TMPDIR": "/tmp"}


def run(name: str, folder: Path) -> str:
    """What an example prints, run outside of the project; its own errors fail the test."""
    done = forked.run([str(EXAMPLES / name)], folder, environment(folder), timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_own_game(tmp_path: Path) -> None:
    shown = run("own_game.py", tmp_path)
    saved = re.findall(r"saved \S+/checkpoint_0+(\d+)", shown)
    assert saved == ["2", "4", "6", "8"]
    assert "resumed from  checkpoint_000004" in shown
    assert shown.endswith("the walker goes 0 1 2 3 4 5 6\n")
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_pettingzoo_game(tmp_path: Path) -> None:
    shown = run("pettingzoo_game.py", tmp_path)
    assert shown.endswith("sees 0 says 0\nsees 1 says 1\nsees 2 says 2\n")


@pytest.mark.slow  # it starts Ray, whose processes need an interpreter of their own
def test_checkpoint_manager_with_rllib(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "checkpoint_manager_with_rllib.py")],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"saved: (\d+)", done.stdout) == ["4", "6"]  # the older one is pruned
    assert "restored: checkpoint_000006 iteration 6" in done.stdout
