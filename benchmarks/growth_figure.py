"""The figure of the section growth: a panel per setting, a curve per engine, and one of memory."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer.reporting.figure_panel import GRID, INK, MUTED
from trainer.reporting.formatting import count

if TYPE_CHECKING:
    from benchmarks.sections.growth import Axis

Curve = Mapping[int, Sequence[float]]
"""What was measured by value of the setting; the curve goes through the medians."""

_COLORS = {"fused": "#C44536", "torch": "#2E6F95"}
_MARKERS = {"fused": "o", "torch": "s"}
_TITLES = {
    "worlds": ("Worlds", "stepped side by side"),
    "agents": ("Agents", "seekers v hiders"),
    "hidden": ("Network", "widths of the two hidden layers"),
    "runners": ("Env runners", "512 worlds each; 0 = the trainer samples"),
    "learners": ("Learners", "torch engine only; 0 = the trainer learns"),
}
_LEFT, _RIGHT = 0.055, 0.985


def draw(
    path: str,
    axes: Sequence[Axis],
    speeds: Mapping[tuple[str, str], Curve],
    peaks: Mapping[str, Curve],
    where: str,
) -> None:
    """Writes the figure.

    Args:
        path: of the PNG.
        axes: what was varied.
        speeds: by axis and engine, agent-steps/s of every iteration.
        peaks: by engine, peak MB.
        where: the machine, for the line below the title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 7.6), dpi=125, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(_LEFT, 0.95, "How training grows", size=18, weight="bold", color=INK)
    about = "agent-steps per second of whole training, median and range of single iterations"
    figure.text(_LEFT, 0.918, f"{about}; bold: the default; {where}", color=MUTED)
    for at, (engine, color) in enumerate(_COLORS.items()):
        text = f"{engine} engine"
        figure.text(_RIGHT, 0.958 - 0.034 * at, text, color=color, weight="bold", ha="right")
    grid: Any = figure.add_gridspec(
        2, 3, left=_LEFT, right=_RIGHT, top=0.83, bottom=0.05, hspace=0.42, wspace=0.2
    )
    panels = [figure.add_subplot(cell) for cell in grid]
    for panel, axis in zip(panels, axes, strict=False):
        curves = {engine: speeds.get((axis.name, engine), {}) for engine in axis.engines}
        _draw_panel(panel, *_TITLES[axis.name], axis, curves)
        panel.yaxis.set_major_formatter(lambda value, _: count(value))
    gigabytes = {
        engine: {worlds: [mb / 1024 for mb in each] for worlds, each in curve.items()}
        for engine, curve in peaks.items()
    }
    _draw_panel(panels[-1], "Peak memory", "by worlds", axes[0], gigabytes)
    panels[-1].yaxis.set_major_formatter(lambda value, _: f"{value:g} GB")
    figure.savefig(path)


def _draw_panel(
    panel: Any, title: str, subtitle: str, axis: Axis, curves: Mapping[str, Curve]
) -> None:
    """Curves over the places of the values, so that neighbors are equally far apart."""
    panel.set_title(title, loc="left", size=12, weight="bold", color=INK, pad=22)
    panel.text(0.0, 1.045, subtitle, transform=panel.transAxes, size=9, color=MUTED)
    for engine, curve in curves.items():
        places = [at for at, value in enumerate(axis.values) if value in curve]
        measured = [curve[axis.values[at]] for at in places]
        color, marker = _COLORS[engine], _MARKERS[engine]
        panel.vlines(
            places, list(map(min, measured)), list(map(max, measured)), color=color, alpha=0.45
        )
        panel.plot(
            *(places, list(map(statistics.median, measured))),
            **{"color": color, "marker": marker, "linewidth": 2.0, "markersize": 5.0},
        )
    if not any(curves.values()):
        panel.text(0.5, 0.5, "not measured", transform=panel.transAxes, ha="center", color=MUTED)
        panel.set_yticks([])
    panel.set_xticks(range(len(axis.values)), [axis.sign.format(v) for v in axis.values])
    panel.set_xlim(-0.4, len(axis.values) - 0.6)
    panel.set_ylim(bottom=0.0)
    panel.grid(axis="y", color=GRID, linewidth=1.0)
    panel.set_axisbelow(True)
    panel.tick_params(colors=MUTED, labelsize=9, length=0)
    usual = panel.get_xticklabels()[axis.values.index(axis.default)]
    usual.set(weight="bold", color=INK)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(MUTED)
