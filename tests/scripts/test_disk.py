"""Training on a disk that is really full, and two trainings in one folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of
from tests.scripts.test_signals import wait_for
from trainer.checkpoints.manager import CheckpointManager

Trained = tuple[Desk, str]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_does_not_end_the_training(desk: Desk, small_disk: Path) -> None:
    folder, ballast = small_disk / "checkpoints", small_disk / "ballast"
    ballast.write_bytes(bytes(2_300_000))  # leaves room for one checkpoint
    words = ["--checkpoint-dir", str(folder), "--until", "60", *SMALL]
    words += ["--set", "tracking.tensorboard_dir=null", "--set", "ppo.keep_last_n=1"]
    process = desk.start("main.py", *words)
    before = wait_for(process, "Training continues")
    assert any("free some, or lower ppo.keep_last_n" in line for line in before)
    assert any("No space left on device" in line for line in before)
    manager = CheckpointManager(folder)
    whole = manager.list_checkpoints()
    assert whole
    for info in whole:
        manager.verify(info["checkpoint_path"])
    ballast.unlink()  # somebody makes room
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert (folder / "checkpoint_000060" / "manifest.json").is_file()
    rows = (folder / "metrics_history.jsonl").read_text().splitlines()
    assert [json.loads(row)["iteration"] for row in rows] == list(range(1, 61))


def test_a_second_training_in_the_same_folder_is_refused(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    first = desk.start("main.py", "--resume", "latest", "--until", "300", *SMALL)
    wait_for(first, "5/300 |")
    second = desk.run("main.py", "--resume", "latest", *SMALL)
    listed = desk.run("list_checkpoints.py")
    first.kill()
    first.communicate(timeout=60)
    assert second.returncode == 1
    assert f"{first.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    assert listed.returncode == 0, listed.stderr
