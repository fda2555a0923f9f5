"""a default run from start to end: its speed, memory, and the share that saving takes"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import command, memory_of
from benchmarks.progress import say
from benchmarks.session import Session
from benchmarks.table import Row, table
from trainer.reporting.history.rows import read_rows


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the figures of the run."""
    iterations = 15 if session.quick else 300
    say(f"a run of {iterations} iterations")
    with tempfile.TemporaryDirectory() as folder:
        words = ("--fresh", "--iterations", str(iterations), "--quiet", "--checkpoint-dir", folder)
        trace = memory_of(
            command("main.py", *words, "--set", f"tracking.tensorboard_dir={folder}/runs")
        )
        rows = read_rows(Path(folder) / "metrics_history.jsonl")
    total = sum(row["time/iteration_s"] for row in rows)
    results |= {
        "iterations": iterations,
        "seconds": trace.seconds[-1],
        "save_share": sum(row["time/save_s"] for row in rows) / total,
        "peak_mb": trace.peak,
        "early_mb": trace.mean(0.2, 0.4),
        "late_mb": trace.mean(0.8, 1.0),
        "agent_steps_per_s": rows[-1]["agent_steps"] / total,
    }


def report(results: dict[str, Any]) -> str:
    """The table."""
    rows = [
        Row("training, everything included, agent-steps/s", [results["agent_steps_per_s"]]),
        Row("from the command to its end, seconds", [results["seconds"]]),
        Row("held up by saving, % of its time", [100 * results["save_share"]], 2, 1.0, True),
        Row("peak memory of all processes, MB", [results["peak_mb"]], 0, 2000.0, True),
        Row("mean memory at 20-40% of the run, MB", [results["early_mb"]]),
        Row("mean memory at 80-100% of the run, MB", [results["late_mb"]]),
    ]
    return table(f"A default run of {results['iterations']} iterations", rows)
