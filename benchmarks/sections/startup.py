"""whole processes: help texts, and the listing of 1,000 checkpoints"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.processes import command, seconds
from benchmarks.progress import say
from benchmarks.session import Session
from benchmarks.table import Row, table
from trainer.checkpoints import layout, manifest
from trainer.checkpoints.manager import CheckpointManager

_TARGETS = {"main.py --help": 0.5, "list_checkpoints.py, 1,000": 1.0}


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the seconds of each process."""
    taken = results.setdefault("seconds", {})
    with tempfile.TemporaryDirectory() as folder:
        say("making 1,000 checkpoints to list")
        make_listing(Path(folder), 1000)
        programs = {
            "main.py --help": ("main.py", "--help"),
            "list_checkpoints.py, 1,000": ("list_checkpoints.py", folder),
            "list_checkpoints.py -d, 1,000": ("list_checkpoints.py", folder, "--detailed"),
        }
        for words in programs.values():
            seconds(command(*words))  # what is imported for the first time is compiled
        for number in range(3 if session.quick else 7):
            for name, words in programs.items():
                say(f"round {number + 1}: {name}")
                taken.setdefault(name, []).append(seconds(command(*words)))


def make_listing(folder: Path, count: int) -> None:
    """Checkpoints that are small but whole.

    One is saved, the others are copies of it: a thousand saves, each forced to the disk, would take
    minutes in which the machine does nothing.
    """

    class Empty:
        def save_to_path(self, path: str) -> None:
            (Path(path) / "note").write_text("made by the benchmark\n")

    manager = CheckpointManager(folder, keep_last_n=0)
    rewards = {"reward_mean": 1.0, "seeker_reward": -1.0, "hider_reward": 1.0}
    first = Path(manager.save(Empty(), iteration=1, metadata=rewards))
    known = json.loads((first / layout.METADATA).read_text())
    for iteration in range(2, count + 1):
        copy = first.with_name(layout.checkpoint_name(iteration))
        shutil.copytree(first, copy)
        metadata = {**known, "iteration": iteration, "checkpoint_path": str(copy)}
        (copy / layout.METADATA).write_text(json.dumps(metadata))
        (copy / layout.MANIFEST).unlink()
        with mock.patch("os.fsync"):
            manifest.write(copy)
    if len(manager.list_checkpoints()) != count:
        raise RuntimeError("not all of the benchmark's checkpoints are listed")


def report(results: dict[str, Any]) -> str:
    """The table."""
    rows = [
        Row(name, taken, 3, _TARGETS.get(name), at_most=True)
        for name, taken in results["seconds"].items()
    ]
    return table("Whole processes, seconds", rows)
