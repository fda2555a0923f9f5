"""The end of a sweep: one table, one picture, one JSON, and the commands that may follow."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic
from trainer.checkpoints.metadata import SCORE
from trainer.commands.sweep import figure
from trainer.commands.sweep.manifest import FAILED, FINISHED, TENSORBOARD, Sweep
from trainer.commands.sweep.results import Measure, Setting, as_json, settings
from trainer.commands.tables import print_table
from trainer.shown_commands import script_command, shown_path

RESULTS = "results.json"
PICTURE = "sweep.png"
INSTEAD = "reward_mean"
"""What is shown of runs that were not evaluated."""


def measured(sweep: Sweep, measure: Measure) -> tuple[list[Setting], Measure, str]:
    """The settings, what they are compared by, and a note where that is not what was asked for."""
    found = settings(sweep, measure)
    if figure.is_drawable(found):
        return found, measure, ""
    instead = Measure(INSTEAD)
    others = settings(sweep, instead) if measure.key != INSTEAD else []
    if not figure.is_drawable(others):
        return found, measure, f"no run has {measure.key} yet"
    why = " (evaluation.every decides when)" if measure.key == SCORE else ""
    return (
        others,
        instead,
        f"no run has {measure.key}{why}; shown is {INSTEAD}, which in self-play does not say who "
        "plays better",
    )


def write(sweep: Sweep, measure: Measure) -> dict[str, Any]:
    """Writes results.json and the picture; returns what the former holds.

    Raises:
        OSError: they cannot be written.
    """
    found, used, note = measured(sweep, measure)
    picture = sweep.folder / PICTURE
    if figure.is_drawable(found):
        figure.draw(found, used, f"Sweep {sweep.folder.name}", picture)
    document = {
        "folder": str(sweep.folder),
        **as_json(found, used),
        "note": note or None,
        "picture": str(picture) if picture.is_file() else None,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    atomic.write_text(sweep.folder / RESULTS, text)
    return document


def show(sweep: Sweep, measure: Measure, again: str) -> None:
    """Prints the table, the failures and what to type next.

    Args:
        sweep: with its results written.
        measure: what was asked for.
        again: the command of this sweep.
    """
    found, used, note = measured(sweep, measure)
    if note:
        print(f"note: {note}")
    heads = ("#", "Setting", "Seeds", "Mean", "Lowest", "Highest", "Runs")
    print(
        f"{used.key}, the last of each run; " + ("highest" if used.sign > 0 else "lowest"), "first"
    )
    rows = [(place, *_row(setting)) for place, setting in enumerate(found, start=1)]
    print_table(heads, rows, numbers=(heads[0], *heads[2:6]), wraps=True)
    for outcome in (outcome for setting in found for outcome in setting.outcomes):
        for warning in outcome.warnings:
            print(f"collapsed: {outcome.run.name}: {warning}")
    for run in sweep.runs.values():
        if run.state == FAILED:
            print(f"failed: {run.name}: {run.error}")
            print(f"        {shown_path(sweep.log(run))}")
    picture = sweep.folder / PICTURE
    if figure.is_drawable(found):
        print(f"picture: {shown_path(picture)}")
    print(f"numbers: {shown_path(sweep.folder / RESULTS)}")
    print("next:")
    for line in _next_commands(sweep, found, used, again):
        print(f"  {line}")


def _row(setting: Setting) -> tuple[object, ...]:
    states = Counter(outcome.run.state for outcome in setting.outcomes)
    states += Counter(collapsed=setting.collapsed)  # 0 are left out
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    numbers = (setting.mean, setting.low, setting.high)
    texts = (f"{number:.4g}" if math.isfinite(number) else "-" for number in numbers)
    return (setting.text, f"{len(setting.known)}/{len(setting.outcomes)}", *texts, told)


def _next_commands(
    sweep: Sweep, found: Sequence[Setting], measure: Measure, again: str
) -> list[str]:
    lines = []
    if any(run.state != FINISHED for run in sweep.runs.values()):
        lines.append(f"{again}   # continues")
    best = found[0].best(measure) if found else None
    if best is not None:
        folder = shown_path(sweep.checkpoints(best.run))
        lines.append(
            script_command("demo_model.py", ["--checkpoint-dir", folder]) + "   # the best"
        )
    runs = ["--runs", shown_path(sweep.folder)]
    curves = Path(sweep.folder / TENSORBOARD)
    lines.append(script_command("list_checkpoints.py", runs))
    return [*lines, *([f"tensorboard --logdir {shown_path(curves)}"] if curves.is_dir() else [])]
