"""The picture of a sweep: every setting's curve over agent steps, and how they end, best first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.checkpoints.atomic import replacing
from trainer.commands.sweep.results import Measure, Setting
from trainer.reporting.figure import prepare_matplotlib
from trainer.reporting.figure_panel import GRID, INK, MUTED
from trainer.reporting.formatting import count

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colors (2008), told apart with every kind of color blindness."""
_REST = "#B4BCC4"  # of the settings after these
_WIDTH, _PANEL, _ROW = 12.0, 4.4, 0.36  # inches
_MOST = 30  # settings in the right half; those behind them are named in the table alone
_BAND, _LEFT = 0.16, 0.055


def draw(found: Sequence[Setting], measure: Measure, title: str, path: Path) -> None:
    """Writes the picture as PNG, atomically.

    Args:
        found: the settings, the best first.
        measure: what they are compared by.
        title: of the sweep.
        path: of the file.

    Raises:
        OSError: it cannot be written.
    """
    prepare_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [setting for setting in found if setting.known][:_MOST]
    height = max(_PANEL, _ROW * len(shown) + 0.4) + 1.75
    figure = Figure(figsize=(_WIDTH, height), dpi=125, facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
    figure.subplots_adjust(
        left=_LEFT, right=0.975, bottom=0.62 / height, top=1.0 - 1.1 / height, wspace=0.06
    )
    head = figure.text(_LEFT, 1 - 0.42 / height, title, size=16, weight="bold", color=INK)
    _fit(head, title, 0.975 * figure.bbox.width)
    order = "highest" if measure.mode == "max" else "lowest"
    told = f"{measure.key}   ·   line and dot: mean of the seeds   ·   band and bar: their range"
    order += " first, collapsed ones last" if any(s.collapsed for s in shown) else " first"
    figure.text(_LEFT, 1 - 0.68 / height, f"{told}   ·   {order}", size=10, color=MUTED)
    colors = [*COLORS[: len(shown)], *[_REST] * (len(shown) - len(COLORS))]
    _curves(left, shown, colors)
    _ends(right, shown, colors)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _curves(axes: Any, shown: Sequence[Setting], colors: Sequence[str]) -> None:
    _style(axes, "Over the training")
    axes.grid(axis="y", color=GRID, linewidth=0.9)
    # The best on top of the others.
    for place, (setting, color) in reversed([*enumerate(zip(shown, colors, strict=True))]):
        steps, mean, low, high = zip(*setting.curve(), strict=True)
        over = 3 + 2 * (len(shown) - place)
        dots = {"marker": "o", "markersize": 4.5} if len(steps) <= 40 else {}
        if len(setting.outcomes) > 1 and color != _REST:
            axes.fill_between(steps, low, high, color=color, alpha=_BAND, linewidth=0, zorder=over)
        width = 1.2 if color == _REST else 2.2
        axes.plot(steps, mean, color=color, linewidth=width, zorder=over + 1, **dots)
    axes.margins(x=0.02, y=0.08)
    axes.xaxis.set_major_formatter(lambda value, _: count(value))
    axes.set_xlabel("agent steps", size=9, color=MUTED, style="italic", loc="left")


def _ends(axes: Any, shown: Sequence[Setting], colors: Sequence[str]) -> None:
    """Mean, range and every seed of each setting, with its values above them.

    The number before them is its place in the table: what is cut may differ in what is left out.
    """
    _style(axes, "At the end")
    axes.grid(axis="x", color=GRID, linewidth=0.9)
    for row, (setting, color) in enumerate(zip(shown, colors, strict=True)):
        axes.plot([setting.low, setting.high], [row, row], color=color, linewidth=2.2, alpha=0.55)
        axes.plot(setting.known, [row] * len(setting.known), "|", color=color, markersize=9)
        face = "white" if setting.collapsed else color
        axes.plot(setting.mean, row, "o", color=color, markerfacecolor=face, markersize=8)
        end = f"   {setting.mean:.4g}"
        if setting.collapsed:
            end += f"   {setting.collapsed} of {len(setting.outcomes)} collapsed"
        _label(axes, "■", row, color, 4)
        label = _label(axes, end, row, INK, 18)
        _fit(label, f"{row + 1}  {setting.text}", axes.bbox.x1, end)
    axes.set_ylim(max(len(shown), 3) - 0.4, -0.9)
    axes.set_yticks([])
    axes.margins(x=0.08)


def _style(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", size=12, weight="bold", color=INK, pad=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#C3CBD3")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=MUTED, pad=4)


def _label(axes: Any, text: str, row: int, color: str, x: float) -> Any:
    """A text above the bar of a row, `x` points from the left end."""
    return axes.annotate(
        text,
        (0, row),
        (x, 7),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        size=9.5,
        color=color,
        va="bottom",
    )


def _fit(artist: Any, text: str, right: float, end: str = "") -> None:
    """Gives an artist the text and its `end`, the text without its middle if it has no room.

    Args:
        artist: of matplotlib.
        text: what may be cut: keys stand at its beginning, values that differ often at its end.
        right: pixels from the left edge of the figure at which it has to end.
        end: what is not cut.
    """
    renderer = artist.figure.canvas.get_renderer()
    for room in range(len(text), 0, -1):
        half = room // 2
        shown = text if room == len(text) else f"{text[: room - half]}…{text[len(text) - half :]}"
        artist.set_text(shown + end)
        if artist.get_window_extent(renderer).x1 <= right:
            return


def is_drawable(found: Sequence[Setting]) -> bool:
    """Whether there is anything to see."""
    return any(math.isfinite(setting.mean) for setting in found)
