"""A figure of schedules continued by extend, constant and restart, drawn by the trainer's code.

python -m trainer.commands.schedule_figure --out schedules.png
python -m trainer.commands.schedule_figure --set 'schedules.lr={type: cosine, end: 0.0001}'
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.commands.command_parser import CommandParser
from trainer.commands.run_command import run_command
from trainer.config.build_scheduler import build_scheduler
from trainer.config.loading import load_config
from trainer.config.types import TEAMS
from trainer.project import find_config
from trainer.reporting.figure import prepare_matplotlib
from trainer.reporting.figure_panel import GRID, INK, MUTED
from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import MODES, ResumePolicy, continue_schedules
from trainer.schedules.curves import Cosine, Exponential, Linear, Schedule
from trainer.schedules.scheduler import Scheduler

COLORS = ("#2E86AB", "#E4572E", "#3E4C59", "#C9A227", "#8E6C8A", "#3B8E5A")
EXAMPLES = {
    "linear": Schedule(Linear(0.01, 0.001)),
    "cosine": Schedule(Cosine(0.01, 0.001)),
    "exponential": Schedule(Exponential(0.01, 0.001)),
}
Points = list[tuple[int, float]]


def curves(
    schedules: Mapping[str, Schedule], total: int, stop: int, end: int, policy: ResumePolicy | None
) -> dict[str, tuple[Points, Points]]:
    """Values by iteration before and after a run of `total` is stopped and continued to `end`.

    Without a policy the run is not stopped.
    """

    def fresh(length: int) -> Scheduler:
        return Scheduler.fresh(schedules, {}, length, Alternation(TEAMS))

    run, found = fresh(total), {name: (Points(), Points()) for name in schedules}
    for iteration in range(end + 1):
        if policy is not None and iteration == stop:
            _note(found, run, part=0)
            longer = end if policy.mode == "restart" else max(total, end)
            run, _ = continue_schedules(fresh(longer), run.state(), stop, policy)
        _note(found, run, part=int(iteration >= stop))
        run.advance({})
    return found


def _note(found: Mapping[str, tuple[Points, Points]], run: Scheduler, part: int) -> None:
    for name, value in run.values().items():
        found[name][part].append((run.iteration, value))


def draw(schedules: Mapping[str, Schedule], out: Path, total: int = 100) -> None:
    """Writes the figure: two kinds of resume, one per row, and three modes, one per column."""
    prepare_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.4), dpi=110, facecolor="white")
    grid = figure.subplots(2, len(MODES), sharex=True, sharey="row")
    stop, end = total * 6 // 10, total * 3 // 2
    stories = {
        total: f"finished at {total},\nthen {end - total} more",
        stop: f"stopped at {stop} of {total},\nthen up to {end}",
    }
    for row, (at, story) in zip(grid, stories.items(), strict=True):
        for axes, mode in zip(row, MODES, strict=True):
            _panel(axes, schedules, total, at, end, mode)
        row[0].set_ylabel(story, color=INK, labelpad=10)
    for axes, mode in zip(grid[0], MODES, strict=True):
        axes.set_title(mode, loc="left", size=13, weight="bold", color=INK, pad=8)
    for axes in grid[1]:
        axes.set_xlabel("iteration", color=MUTED)
    _name_curves(figure, list(schedules))
    figure.subplots_adjust(left=0.09, right=0.985, bottom=0.09, top=0.86, wspace=0.06, hspace=0.12)
    figure.savefig(out)


def _panel(
    axes: Any, schedules: Mapping[str, Schedule], total: int, stop: int, end: int, mode: str
) -> None:
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=MUTED, labelsize=9)
    axes.axvline(stop, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    planned = curves(schedules, total, stop, end, None)
    found = curves(schedules, total, stop, end, ResumePolicy(mode))
    jumpy = curves(schedules, total, stop, end, ResumePolicy(rescale=True))
    if stop < total:
        _plot(axes, [after for _, after in planned.values()], alpha=0.3, linewidth=1.2)
    if mode == "extend":
        for color, (_, after) in zip(COLORS, jumpy.values(), strict=False):
            axes.plot(*zip(*after, strict=True), color=color, linestyle=":", linewidth=1.4)
    for part in zip(*found.values(), strict=True):
        _plot(axes, part, linewidth=2.2)


def _plot(axes: Any, lines: Sequence[Points], linewidth: float, alpha: float = 1.0) -> None:
    """Draws lines over the same iterations; where some coincide, dashes show each color in turn."""
    values = np.array([[value for _, value in points] for points in lines])
    near = np.isclose(values[:, None], values[None], rtol=1e-6, atol=0.0)  # [line, line, iteration]
    shared = np.where(near.sum(axis=1) > 1, values, np.nan)
    iterations, dash = [iteration for iteration, _ in lines[0]], 4
    for color, line in zip(COLORS, values, strict=False):
        axes.plot(iterations, line, color=color, alpha=alpha, linewidth=linewidth)
    for i, (color, line) in enumerate(zip(COLORS, shared, strict=False)):
        axes.plot(
            iterations,
            line,
            color=color,
            alpha=min(1.0, 2 * alpha),
            linewidth=linewidth,
            linestyle=(-dash * i, (dash, dash * (len(lines) - 1))),
            dash_capstyle="butt",
        )


def _name_curves(figure: Any, names: Sequence[str]) -> None:
    x = 0.09
    for color, name in zip(COLORS, names, strict=False):
        figure.text(x, 0.928, name, color=color, size=12, weight="bold")
        x += 0.02 + 0.0085 * len(name)
    notes = (
        "faint: as first planned",
        "dotted: schedules.extend = rescale",
        "gray dashes: resume",
        "mixed colors: equal values",
    )
    figure.text(0.985, 0.968, "   ·   ".join(notes), color=MUTED, size=9.5, ha="right")


def build_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        trains=True,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", default="schedules.png", metavar="FILE", help="a .png or .svg")
    parser.add_argument("--config", metavar="FILE", help="configuration (default: config.yaml)")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--debug", action="store_true", help="show a traceback on errors")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The program: draws as the command line says and returns the exit code."""
    return run_command(_run, argv)


def _run(argv: Sequence[str]) -> int:
    args = build_parser().parse_args(argv)
    path = args.config or find_config()
    run = build_scheduler(load_config(path, args.overrides)) if path else None
    own = {name: run.configured[name] for name in run.scheduled} if run else {}
    draw(own or EXAMPLES, Path(args.out), run.total if run and own else 100)
    print(f"drawn: {args.out} ({', '.join(own) or 'examples; config.yaml schedules nothing'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
