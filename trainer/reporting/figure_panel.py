"""One panel of curves over the iterations, and how a curve is smoothed and thinned out for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trainer.reporting.formatting import count

INK, MUTED, GRID, NEUTRAL = "#1F2933", "#5F6B78", "#E1E6EA", "#3E4C59"
SHADE = "#F3E7C4"  # behind iterations on a reduced batch
_EDGE = 0.06  # of a panel's width: half of a label
_DOTS = 60  # points of a curve up to which each is marked
MAX_BINS = 240  # of a curve, in a panel of about 450 pixels


class Panel:
    """Axes with a thin raw and a bold smoothed line per curve, named in the curve's color."""

    def __init__(
        self,
        axes: Any,
        title: str,
        curves: Mapping[str, tuple[str, str]],
        *,
        unit: str = "",
        text: Callable[[float], str] | None = None,
        levels: Mapping[float, str] | None = None,
        floor: float | None = None,
        only_if_it_varies: str = "",
        show_steps: bool = True,
        at_points: bool = False,
    ) -> None:
        """`curves`: column -> (name, color); `levels`: dashed lines, value -> color.

        `axes` are matplotlib's, empty; `text` writes the values on the axis; `floor` fixes
        the lower end; the column `only_if_it_varies` is left out while it is a constant;
        `show_steps` puts the environment steps under the iterations; `at_points` is for values
        of few iterations: a point for each, joined by a line, and nothing smoothed.
        """
        self.axes, self.floor, self.show_steps = axes, floor, show_steps
        self.at_points = at_points
        self.levels = tuple(levels or ())
        self.only_if_it_varies = only_if_it_varies
        self._varying_name = curves.get(only_if_it_varies, ("", ""))[0]
        from matplotlib.collections import PolyCollection

        self._steps = (np.zeros(1), np.full(1, np.nan))  # iterations and their env_steps, [R]
        self._style(title, text)
        for level, color in (levels or {}).items():
            axes.axhline(level, color=color, linewidth=1.1, linestyle=(0, (5, 3)), alpha=0.9)
        self.curves = {
            key: (
                axes.plot([], [], color=color, linewidth=0.8, alpha=0.45, zorder=2)[0],
                axes.plot([], [], color=color, linewidth=2.2, solid_capstyle="round", zorder=3)[0],
            )
            for key, (_, color) in curves.items()
        }
        self._names = self._name_curves([*curves.values(), (unit, MUTED)])
        self.shade = PolyCollection(
            [], color=SHADE, linewidth=1.0, zorder=0, transform=axes.get_xaxis_transform()
        )
        axes.add_collection(self.shade, autolim=False)
        self._empty = axes.text(
            0.5, 0.5, "no data yet", transform=axes.transAxes, ha="center", color=MUTED, size=10
        )

    def _style(self, title: str, text: Callable[[float], str] | None) -> None:
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
        if text is not None:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
        axes.annotate(
            "iteration / env steps" if self.show_steps else "iteration",
            (0, 0),
            (0, -28 if self.show_steps else -16),  # points: below the labels
            xycoords="axes fraction",
            textcoords="offset points",
            va="top",
            size=8.5,
            style="italic",
            color=MUTED,
        )

    def _name_curves(self, names: list[tuple[str, str]]) -> list[Any]:
        """The legend: each name in its color, in a line under the title."""
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
        return areas

    def update(
        self, iterations: np.ndarray, columns: Mapping[str, np.ndarray], window: int
    ) -> None:
        """Shows other data: `iterations` [R] and the columns, each [R], of which any may lack."""
        unknown = np.full(len(iterations), np.nan)
        points = []
        for (key, (raw, bold)), area in zip(self.curves.items(), self._names, strict=False):
            values = np.asarray(columns.get(key, unknown), np.float64)
            values = np.where(np.isfinite(values), values, np.nan)
            if key == self.only_if_it_varies:
                if is_constant := len(np.unique(values[~np.isnan(values)])) < 2:
                    values = unknown
                area.set_text("" if is_constant else self._varying_name)
            points.append(values[~np.isnan(values)])
            if self.at_points:
                _join(bold, iterations, values)
                continue
            _draw(raw, *envelope(iterations, values))
            _draw(bold, *thinned(iterations, rolling_mean(values, window)))
        self.shade.set_verts(_bands(iterations, columns.get("runners_missing", unknown)))
        known = np.concatenate([*points, np.empty(0)])
        self._empty.set_visible(len(known) == 0)
        if len(iterations):
            self._steps = (iterations, np.asarray(columns.get("env_steps", unknown)))
        first, last = self._steps[0][0], self._steps[0][-1]
        lonely = 0.5 if first == last else 0.0
        self.axes.set_xlim(first - lonely, last + lonely)
        self.axes.set_ylim(*self.y_limits(known))
        self._align_labels()

    def y_limits(self, known: np.ndarray) -> tuple[float, float]:
        """All points, but that a single spike must not flatten the rest of the curve."""
        if len(known) == 0:
            return 0.0, 1.0
        spikes = 0.0 if self.at_points else 0.5  # percent of the points
        low, high = np.percentile(known, [spikes, 100.0 - spikes])
        reach = high - low
        low, high = max(known.min(), low - reach), min(known.max(), high + reach)
        low = min([low, *self.levels] if self.floor is None else [self.floor, *self.levels])
        high = max([high, *self.levels])
        margin = 0.08 * (high - low) or 0.08 * abs(high) or 0.5
        return (low - margin if self.floor is None else low), high + margin

    def _align_labels(self) -> None:
        """Keeps the labels at both ends of the iterations inside the panel."""
        places, (left, right) = self.axes.get_xticks(), self.axes.get_xlim()
        ticks = self.axes.xaxis.get_major_ticks(len(places))
        for tick, share in zip(ticks, (places - left) / (right - left), strict=True):
            side = "left" if share < _EDGE else "right" if share > 1 - _EDGE else "center"
            tick.label1.set_horizontalalignment(side)

    def _x_label(self, iteration: float, _: int) -> str:
        iterations, steps = self._steps
        if not iterations[0] <= iteration <= iterations[-1]:
            return ""
        if not self.show_steps:
            return count(iteration)
        return f"{count(iteration)}\n{count(float(np.interp(iteration, iterations, steps)))}"


def smoothing_window(rows: int) -> int:
    """Iterations (odd) that the bold line averages over: a 15th of the history, at most 101."""
    return min(2 * (rows // 30) + 1, 101)


def rolling_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each entry of [R] values and the `window` // 2 known ones on either side of it.

    `window` is odd. nan (unknown) entries are passed over and stay nan, and so are those near
    both ends, which have fewer neighbors: what is drawn is a mean of `window` measured values.
    """
    means = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    if len(known) >= window:
        sums = np.concatenate([[0.0], np.cumsum(values[known])])
        half = window // 2
        means[known[half : len(known) - half]] = (sums[window:] - sums[:-window]) / window
    return means


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A smooth curve [R] as the mean of each bin; a bin without any known value stays unknown."""
    bins = _bins(x, y)
    if bins is None:
        return x, y
    known = ~np.isnan(bins[1])
    counts = known.sum(axis=1)
    sums = np.where(known, bins[1], 0.0).sum(axis=1)
    return bins[0], np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)


def envelope(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rough curve [R] as minimum and maximum of each bin in turn, so that no spike is lost."""
    bins = _bins(x, y)
    if bins is None:
        return x, y
    ends = np.stack([np.fmin.reduce(bins[1], axis=1), np.fmax.reduce(bins[1], axis=1)], axis=1)
    return np.repeat(bins[0], 2), ends.ravel()


def _bins(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Middles [B] and values [B, step] of a curve in bins of a pixel or two; None if it is short.

    The first and the last middle are the first and last x, so that no curve seems to end early.
    """
    step = math.ceil(len(x) / MAX_BINS)
    if step <= 2:
        return None
    filling = -len(x) % step
    middles = np.pad(x, (0, filling), mode="edge").reshape(-1, step).mean(axis=1)
    middles[0], middles[-1] = x[0], x[-1]
    return middles, np.pad(y, (0, filling), constant_values=np.nan).reshape(-1, step)


def _draw(line: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Shows the known points: joined where they are neighbors, as a dot where one is alone."""
    known = np.pad(~np.isnan(y), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    line.set_data(x, y)
    line.set_marker("o" if alone.any() else "")
    line.set_markersize(1.6 * line.get_linewidth())
    line.set_markevery(np.flatnonzero(alone).tolist())


def _join(line: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Shows the known points joined across the unknown ones, as dots while there are few."""
    known = ~np.isnan(y)
    line.set_clip_on(False)  # the last point lies on the edge
    line.set_data(*thinned(x[known], y[known]))
    line.set_marker("o" if known.sum() <= _DOTS else "")
    line.set_markersize(2.2 * line.get_linewidth())


def _bands(iterations: np.ndarray, missing: np.ndarray) -> list[np.ndarray]:
    """A band [4, 2] for each stretch of iterations in which runners were missing; y from 0 to 1."""
    marked = np.pad(np.nan_to_num(missing) > 0, 1)
    edges = np.flatnonzero(marked[1:] != marked[:-1])
    bands = []
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        left, right = iterations[first] - 0.5, iterations[stop - 1] + 0.5
        bands.append(np.array([[left, 0], [left, 1], [right, 1], [right, 0]]))
    return bands
