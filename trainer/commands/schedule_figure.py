"""A figure of schedules continued by extend, constant and restart, drawn by the trainer's code.

python -m trainer.commands.schedule_figure --out schedules.png
python -m trainer.commands.schedule_figure --set 'schedules.lr={type: cosine, end: 0.0001}'
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.commands.command_parser import CommandParser, add_config, add_debug, add_overrides
from trainer.commands.run_command import run_command
from trainer.commands.target_file import check_target
from trainer.config.build_scheduler import build_scheduler
from trainer.config.loading import load_config, named_file
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
_WIDTH, _LEFT, _COLUMN, _GAP = 13.0, 0.85, 3.85, 0.2  # inches, as are all below
_TOP, _HEAD, _FOOT = 0.4, 0.65, 0.65  # above the stories; above and below the panels of one
_NAMES, _PANEL, _SMALL_PANEL = 0.32, 2.3, 1.15
_NOTES = "   ·   ".join(
    (
        "faint: as first planned",
        "dotted: schedules.extend = rescale",
        "gray dashes: resume",
        "mixed colors: equal values",
    )
)
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


def panels(names: Iterable[str]) -> list[list[str]]:
    """The names in groups, each of one setting: `seeker/lr` and `hider/lr` share a panel."""
    found: dict[str, list[str]] = {}
    for name in names:
        setting = name.rpartition("/")[2].partition(".")[0]
        found.setdefault(setting if "/" in name else "", []).append(name)
    return list(found.values())


def draw(schedules: Mapping[str, Schedule], out: Path, total: int = 100) -> None:
    """Writes the figure: two kinds of resume, three modes, one per column, a row per setting."""
    prepare_matplotlib()
    from matplotlib.figure import Figure

    groups = panels(schedules)
    stop, end = total * 6 // 10, total * 3 // 2
    stories = {
        total: f"finished at {total}, then {end - total} more",
        stop: f"stopped at {stop} of {total}, then up to {end}",
    }
    panel = _PANEL if len(groups) == 1 else _SMALL_PANEL
    story = _HEAD + len(groups) * (_NAMES + panel) + _FOOT
    height = _TOP + len(stories) * story
    figure = Figure(figsize=(_WIDTH, height), dpi=110, facecolor="white")
    figure.text(_LEFT / _WIDTH, 1 - 0.3 / height, _NOTES, color=MUTED, size=9.5)
    first: dict[int, Any] = {}  # axes by row of a story
    for k, (at, text) in enumerate(stories.items()):
        top = height - _TOP - k * story  # inches from below, like every place here
        _name_story(figure, top, text)
        for row, group in enumerate(groups):
            y = top - _HEAD - (row + 1) * (_NAMES + panel)
            shown = {name: schedules[name] for name in group}
            for column, mode in enumerate(MODES):
                x = _LEFT + column * (_COLUMN + _GAP)
                place = (x / _WIDTH, y / height, _COLUMN / _WIDTH, panel / height)
                axes = figure.add_axes(place, sharex=first.get(0), sharey=first.get(row))
                first.setdefault(row, axes)
                is_last = row == len(groups) - 1
                axes.tick_params(labelleft=column == 0, labelbottom=is_last)
                axes.set_xlabel("iteration" if is_last else "", color=MUTED)
                axes.locator_params(axis="y", nbins=4 if len(groups) > 1 else 6)
                _panel(axes, shown, total, at, end, mode)
                if column == 0:
                    _name_curves(axes, group)
    figure.savefig(out)


def _name_story(figure: Any, top: float, text: str) -> None:
    width, height = figure.get_size_inches()
    figure.text(
        _LEFT / width, (top - 0.3) / height, text, color=INK, size=13, weight="bold", va="bottom"
    )
    for column, mode in enumerate(MODES):
        x = _LEFT + column * (_COLUMN + _GAP)
        figure.text(x / width, (top - 0.6) / height, mode, color=INK, size=11.5, va="bottom")


def _name_curves(axes: Any, names: Sequence[str]) -> None:
    """The legend: each name in its color, in a line above the leftmost panel."""
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea

    colors = itertools.cycle(COLORS)
    styles = ({"size": 10, "weight": "bold", "color": color} for color in colors)
    areas: list[Any] = [TextArea(name, textprops=s) for name, s in zip(names, styles, strict=False)]
    legend = AnchoredOffsetbox(
        "lower left",
        child=HPacker(children=areas, pad=0, sep=12),
        pad=0,
        borderpad=0,
        frameon=False,
        bbox_to_anchor=(0, 1.03),
        bbox_transform=axes.transAxes,
    )
    axes.add_artist(legend)


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
        for color, (_, after) in zip(itertools.cycle(COLORS), jumpy.values(), strict=False):
            axes.plot(*zip(*after, strict=True), color=color, linestyle=":", linewidth=1.4)
    for part in zip(*found.values(), strict=True):
        _plot(axes, part, linewidth=2.2)


def _plot(axes: Any, lines: Sequence[Points], linewidth: float, alpha: float = 1.0) -> None:
    """Draws lines over the same iterations; where some coincide, dashes show each color in turn."""
    values = np.array([[value for _, value in points] for points in lines])
    near = np.isclose(values[:, None], values[None], rtol=1e-6, atol=0.0)  # [line, line, iteration]
    shared = np.where(near.sum(axis=1) > 1, values, np.nan)
    iterations, dash = [iteration for iteration, _ in lines[0]], 4
    colors = list(itertools.islice(itertools.cycle(COLORS), len(lines)))
    for color, line in zip(colors, values, strict=True):
        axes.plot(iterations, line, color=color, alpha=alpha, linewidth=linewidth)
    for i, (color, line) in enumerate(zip(colors, shared, strict=True)):
        axes.plot(
            iterations,
            line,
            color=color,
            alpha=min(1.0, 2 * alpha),
            linewidth=linewidth,
            linestyle=(-dash * i, (dash, dash * (len(lines) - 1))),
            dash_capstyle="butt",
        )


def build_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        trains=True,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", default="schedules.png", metavar="FILE", help="a .png or .svg (%(default)s)"
    )
    add_config(parser)
    add_overrides(parser, "override one key, as main.py does")
    parser.add_argument("--yes", action="store_true", help="replace an existing file")
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The program: draws as the command line says and returns the exit code."""
    return run_command(_run, argv)


def _run(argv: Sequence[str]) -> int:
    args = build_parser().parse_args(argv)
    out = check_target("--out", args.out, (".png", ".svg"), overwrite=args.yes)
    path = find_config() if args.config is None else named_file(args.config)
    run = build_scheduler(load_config(path, args.overrides)) if path else None
    own = {name: run.configured[name] for name in run.scheduled} if run else {}
    draw(own or EXAMPLES, out, run.total if run and own else 100)
    print(f"drawn: {args.out} ({', '.join(own) or 'examples; config.yaml schedules nothing'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
