"""The figure of the section growth: a panel per setting, a curve per engine, and one of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer.reporting.figure_panel import GRID, INK, MUTED
from trainer.reporting.formatting import count

if TYPE_CHECKING:
    from benchmarks.sections.growth import Axis

Curve = Mapping[int, float]

_COLORS = {"fused": "#C44536", "torch": "#2E6F95"}
_MARKERS = {"fused": "o", "torch": "s"}
_TITLES = {
    "worlds": "Worlds",
    "agents": "Agents, seekers v hiders",
    "hidden": "Widths of the two hidden layers",
    "runners": "Env runners, 512 worlds each; 0: none beside the trainer",
    "learners": "Learners; 0: none beside the trainer",
}


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
        speeds: by axis and engine, agent-steps/s of each value.
        peaks: by engine, peak MB of each number of worlds.
        where: the machine, for the line below the title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 7.4), dpi=125, facecolor="white")
    FigureCanvasAgg(figure)
    left = 0.055
    figure.text(left, 0.95, "How training grows", size=18, weight="bold", color=INK)
    figure.text(left, 0.918, f"agent-steps per second, whole training; {where}", color=MUTED)
    for at, (engine, color) in enumerate(_COLORS.items()):
        text = f"{engine} engine"
        figure.text(0.985, 0.955 - 0.034 * at, text, color=color, weight="bold", ha="right")
    grid: Any = figure.add_gridspec(
        2, 3, left=left, right=0.985, top=0.85, bottom=0.06, hspace=0.36, wspace=0.2
    )
    panels = [figure.add_subplot(cell) for cell in grid]
    for panel, axis in zip(panels, axes, strict=False):
        curves = {engine: speeds.get((axis.name, engine), {}) for engine in axis.engines}
        _panel(panel, _TITLES[axis.name], axis, curves)
    _panel(
        panels[-1], "Peak memory by worlds", axes[0], {e: _gigabytes(c) for e, c in peaks.items()}
    )
    panels[-1].yaxis.set_major_formatter(lambda value, _: f"{value:g} GB")
    figure.savefig(path)


def _gigabytes(megabytes: Curve) -> Curve:
    return {worlds: value / 1024 for worlds, value in megabytes.items()}


def _panel(panel: Any, title: str, axis: Axis, curves: Mapping[str, Curve]) -> None:
    """Curves over the places of the values, so that neighbors are equally far apart."""
    panel.set_title(title, loc="left", size=11, weight="bold", color=INK, pad=10)
    for engine, curve in curves.items():
        places = [at for at, value in enumerate(axis.values) if value in curve]
        style: dict[str, Any] = {"color": _COLORS[engine], "marker": _MARKERS[engine]}
        panel.plot(places, list(curve.values()), linewidth=2.0, markersize=5.5, **style)
    panel.set_xticks(range(len(axis.values)), [axis.sign.format(v) for v in axis.values])
    panel.set_xlim(-0.3, len(axis.values) - 0.7)
    panel.set_ylim(bottom=0.0)
    panel.margins(y=0.12)
    panel.autoscale(axis="y")
    panel.set_ylim(bottom=0.0)
    panel.yaxis.set_major_formatter(lambda value, _: count(value))
    panel.grid(axis="y", color=GRID, linewidth=1.0)
    panel.set_axisbelow(True)
    panel.tick_params(colors=MUTED, labelsize=9, length=0)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(MUTED)
