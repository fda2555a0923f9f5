"""One panel of curves over the iterations, and how a curve is smoothed and thinned out for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.readable import count

INK, MUTED, GRID, NEUTRAL = "#1F2933", "#6B7785", "#E1E6EA", "#3E4C59"
MAX_BINS = 240  # of a curve, in a panel of about 450 pixels


class Panel:
    """Axes with a thin raw and a bold smoothed line per curve, named in the curve's colour."""

    def __init__(
        self,
        axes: Any,
        title: str,
        curves: Mapping[str, tuple[str, str]],
        *,
        unit: str = "",
        levels: Mapping[float, str] | None = None,
        floor: float | None = None,
        show_steps: bool = True,
    ) -> None:
        """``curves``: column -> (name, colour); ``levels``: dashed lines, value -> colour.

        ``axes`` are matplotlib's, empty; ``floor`` fixes the lower end; ``show_steps`` puts the
        environment steps under the iterations.
        """
        self.axes, self.floor, self.show_steps = axes, floor, show_steps
        self.levels = tuple(levels or ())
        self._steps = (np.zeros(1), np.full(1, np.nan))  # iterations and their env_steps, [R]
        self._style(title)
        for level, color in (levels or {}).items():
            axes.axhline(level, color=color, linewidth=1.1, linestyle=(0, (5, 3)), alpha=0.9)
        self.curves = {
            key: (
                axes.plot([], [], color=color, linewidth=0.6, alpha=0.32, zorder=2)[0],
                axes.plot([], [], color=color, linewidth=2.1, solid_capstyle="round", zorder=3)[0],
            )
            for key, (_, color) in curves.items()
        }
        self._name_curves([*curves.values(), (unit, MUTED)])
        self._empty = axes.text(
            0.5, 0.5, "no data yet", transform=axes.transAxes, ha="center", color=MUTED, size=10
        )

    def _style(self, title: str) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axes = self.axes
        axes.set_title(title, loc="left", size=12, weight="bold", color=INK, pad=22)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color("#C3CBD3")
        axes.grid(axis="y", color=GRID, linewidth=0.9)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=8.5, labelcolor=MUTED, pad=4)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(self._x_label))
        axes.annotate(
            "iteration\nenv steps" if self.show_steps else "iteration",
            (0, 0),
            (0, -4),
            xycoords="axes fraction",
            textcoords="offset points",
            va="top",
            size=8.5,
            style="italic",
            color=MUTED,
        )

    def _name_curves(self, names: list[tuple[str, str]]) -> None:
        """The legend: each name in its colour, in a line under the title."""
        from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea

        props = [{"size": 9.5, "color": color} for _, color in names]
        props = [p | {"weight": "bold"} if p["color"] != MUTED else p for p in props]
        areas = [TextArea(name, textprops=p) for (name, _), p in zip(names, props, strict=True)]
        box = HPacker(children=[area for area in areas if area.get_text()], pad=0, sep=9)
        anchored = AnchoredOffsetbox(
            "lower left",
            child=box,
            pad=0,
            borderpad=0,
            frameon=False,
            bbox_to_anchor=(0, 1.025),
            bbox_transform=self.axes.transAxes,
        )
        self.axes.add_artist(anchored)

    def update(
        self, iterations: np.ndarray, columns: Mapping[str, np.ndarray], window: int
    ) -> None:
        """Show other data: ``iterations`` [R] and the columns, each [R], of which any may lack."""
        unknown = np.full(len(iterations), np.nan)
        points = []
        for key, (raw, bold) in self.curves.items():
            values = np.asarray(columns.get(key, unknown), np.float64)
            values = np.where(np.isfinite(values), values, np.nan)
            points.append(values[~np.isnan(values)])
            raw.set_data(*envelope(iterations, values))
            bold.set_data(*thinned(iterations, rolling_mean(values, window)))
            bold.set_marker("o" if len(points[-1]) == 1 else "")  # a line needs two points
        known = np.concatenate([*points, np.empty(0)])
        self._empty.set_visible(len(known) == 0)
        if len(iterations):
            self._steps = (iterations, np.asarray(columns.get("env_steps", unknown)))
        first, last = self._steps[0][0], self._steps[0][-1]
        lonely = 0.5 if first == last else 0.0
        self.axes.set_xlim(first - lonely, last + lonely)
        self.axes.set_ylim(*self._y_limits(known))

    def _y_limits(self, known: np.ndarray) -> tuple[float, float]:
        """Nearly all points: a single spike must not flatten the rest of the curve."""
        if len(known) == 0:
            return 0.0, 1.0
        low, high = np.percentile(known, [0.5, 99.5])
        low = min([low, *self.levels] if self.floor is None else [self.floor, *self.levels])
        high = max([high, *self.levels])
        margin = 0.08 * (high - low) or 0.08 * abs(high) or 0.5
        return (low - margin if self.floor is None else low), high + margin

    def _x_label(self, iteration: float, _: int) -> str:
        iterations, steps = self._steps
        left, right = self.axes.get_xlim()
        if iteration - left < 0.18 * (right - left):  # the names of the axis stand there
            return ""
        if not iterations[0] <= iteration <= iterations[-1]:
            return ""
        if not self.show_steps:
            return count(iteration)
        return f"{count(iteration)}\n{count(float(np.interp(iteration, iterations, steps)))}"


def smoothing_window(rows: int) -> int:
    """Iterations (odd) that the bold line averages over: a 15th of the history, at most 101."""
    return min(2 * (rows // 30) + 1, 101)


def rolling_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Centred mean over ``window`` (odd) entries of [R] values, without the nan among them.

    The window is cut at both ends; nan where all of it is nan.
    """
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    middle = np.arange(len(values))
    start = np.maximum(middle - window // 2, 0)
    stop = np.minimum(middle + window // 2 + 1, len(values))
    total, number = sums[stop] - sums[start], counts[stop] - counts[start]
    return np.divide(total, number, out=np.full(len(values), np.nan), where=number > 0)


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every k-th point of a smooth curve [R], the last included: at most `MAX_BINS` + 1."""
    if len(x) <= MAX_BINS:
        return x, y
    step = math.ceil(len(x) / MAX_BINS)
    picked = np.append(np.arange(0, len(x) - 1, step), len(x) - 1)
    return x[picked], y[picked]


def envelope(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rough curve [R] as minimum and maximum of each bin in turn, so that no spike is lost."""
    step = math.ceil(len(x) / MAX_BINS)
    if step <= 2:
        return x, y
    filling = -len(x) % step
    bins = np.pad(y, (0, filling), constant_values=np.nan).reshape(-1, step)
    ends = np.stack([np.fmin.reduce(bins, axis=1), np.fmax.reduce(bins, axis=1)], axis=1)
    middles = np.pad(x, (0, filling), mode="edge").reshape(-1, step).mean(axis=1)
    return np.repeat(middles, 2), ends.ravel()
