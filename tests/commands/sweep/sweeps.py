"""Sweeps and histories as runs would have left them."""

from __future__ import annotations

import math
from pathlib import Path

from trainer.commands.sweep.axes import parse_axes
from trainer.commands.sweep.manifest import Run, Sweep, writing
from trainer.commands.sweep.names import varied
from trainer.commands.sweep.plan import Base, plan_sweep
from trainer.reporting.history.metrics_history import HISTORY_NAME
from trainer.reporting.history.rows import encode

SCORE = "evaluation/score"


def filled(folder: Path, base: Base, *items: str, jobs: int = 1) -> Sweep:
    """A sweep of these axes, written."""
    plan = plan_sweep(base, parse_axes(items))
    with writing(folder, base) as sweep:
        sweep.add(plan.runs, varied(plan.axes), jobs)
        sweep.save()
    return sweep


def history(sweep: Sweep, run: Run, values: list[float | None], key: str = SCORE) -> None:
    """Writes a run's history: a value, or none, for each iteration of 100 agent steps."""
    path = sweep.checkpoints(run)
    path.mkdir(parents=True, exist_ok=True)
    rows = [
        {"iteration": i, "agent_steps": 100 * i, key: math.nan if value is None else value}
        for i, value in enumerate(values, start=1)
    ]
    (path / HISTORY_NAME).write_bytes(b"".join(map(encode, rows)))
