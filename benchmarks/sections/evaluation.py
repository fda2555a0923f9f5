"""an evaluation: its share of the time of a default run, and of a run at L1"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import command, memory_of
from benchmarks.progress import say
from benchmarks.session import Session
from benchmarks.table import Row, table
from trainer.reporting.history.rows import read_rows

EVERY = 10
RUNS = {"default": (), "L1": ("--config", "L1")}


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the seconds of every evaluation and of the iterations it stands for."""
    evaluations = 3 if session.quick else 11
    for name, words in RUNS.items():
        say(f"a run with {evaluations} evaluations: {name}")
        with tempfile.TemporaryDirectory() as folder:
            given = ("--fresh", "--iterations", str(EVERY * evaluations), "--quiet")
            place = ("--checkpoint-dir", folder, "--set", "tracking.tensorboard_dir=null")
            often = ("--set", f"evaluation.every={EVERY}")
            memory_of(command("main.py", *words, *given, *place, *often))
            rows = read_rows(Path(folder) / "metrics_history.jsonl")
        results[name] = shares_of(rows)


def shares_of(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The seconds of each evaluation but the first ones, and their share of all since the last.

    In the first iterations kernels are compiled or loaded, and the policies have little of a past.
    """
    found: dict[str, list[float]] = {"seconds": [], "shares": []}
    for end in range(3 * EVERY, len(rows) + 1, EVERY):
        seconds = rows[end - 1]["time/evaluation_s"]
        found["seconds"].append(seconds)
        total = sum(row["time/iteration_s"] for row in rows[end - EVERY : end])
        found["shares"].append(100 * seconds / total)
    return found


def report(results: dict[str, Any]) -> str:
    """The table."""
    rows = []
    for name in RUNS:
        if name in results:
            found = results[name]
            rows.append(Row(f"{name}: seconds of an evaluation", found["seconds"], 3))
            rows.append(Row(f"{name}: % of the time", found["shares"], 2, 3.0, at_most=True))
    return table("Evaluations while training, one every ten iterations", rows)
