"""The figure beside a checkpoint: `training_metrics_iter_N.png`.

Six panels, with rows of three more between them: at levels with boxes, and of evaluated runs.

Drawing is part of saving, and saving takes training time: the figure and its artists are made once
and only get new data, long histories are reduced to what a panel can show, and the canvas is used
without pyplot. matplotlib is imported by the first figure, never by importing this module.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trainer.checkpoints.atomic import replacing
from trainer.project import cache_dir
from trainer.reporting.evaluation_panels import evaluation_panels, has_evaluations, has_past
from trainer.reporting.figure_panel import GRID, INK, MUTED, NEUTRAL, Panel, smoothing_window
from trainer.reporting.figure_summary import (
    SIGHT,
    Columns,
    latest_of,
    shared_summary,
    team_summary,
)
from trainer.reporting.formatting import count, duration, percent
from trainer.reporting.metrics import TEAM_COLORS, team_color, teams_of
from trainer.reporting.object_panels import has_objects, object_panels

DPI = 125
_WIDTH, _ROW, _GAP = 12.0, 2.28, 0.44  # inches; the gap between two rows in heights of a row
_LEFT, _RIGHT = 0.05, 0.972
_BELOW, _ABOVE = 0.608, 1.429  # inches
_LINES = 21.5  # of the latest metrics, in heights of their letters
LENGTH = "#B7950B"


class _Rows(NamedTuple):
    """Which rows there are between the first and the last, and what is in them."""

    objects: bool = False
    ramps: bool = False
    evaluations: bool = False
    past: bool = False

    @classmethod
    def of(cls, columns: Columns) -> _Rows:
        ramps = "seeker_crossings" in columns
        return cls(has_objects(columns), ramps, has_evaluations(columns), has_past(columns))

    @property
    def total(self) -> int:
        return 2 + self.objects + self.evaluations


class TrainingFigure:
    """Draws the same panels again and again, each time with a longer history."""

    def __init__(self, run_name: str, kl_targets: Mapping[str, float] | None = None) -> None:
        """`kl_targets`: KL divergence (nats) that a team's updates aim at, drawn as a line."""
        self.run_name = run_name
        self.kl_targets = dict(kl_targets or {})
        self._teams: tuple[str, ...] | None = None
        self._shown = _Rows()
        self._figure: Any = None  # matplotlib.figure.Figure of all these
        self.panels: list[Panel] = []
        self._texts: dict[str, Any] = {}

    def save(self, columns: Columns, path: Path | str) -> Path:
        """Writes the figure of a history as PNG, atomically.

        `columns` are those of `MetricsHistory.columns`, each [R]; R may be 0 and any of them nan
        or missing.

        Raises:
            OSError: the file cannot be written.
        """
        path = Path(path)
        teams = teams_of(columns)
        shown = _Rows.of(columns)
        if (teams, shown) != (self._teams, self._shown):
            self._teams, self._shown = teams, shown
            self._build(teams, SIGHT in columns or not teams)
        iterations = np.asarray(columns.get("iteration", ()), np.float64)
        window = smoothing_window(len(iterations))
        for panel in self.panels:
            panel.update(iterations, columns, window)
        self._write_header(columns, window)
        self._write_summary(columns)
        with replacing(path) as temporary:
            temporary.write_bytes(self._png())
        return path

    def _build(self, teams: tuple[str, ...], hide_and_seek: bool) -> None:
        prepare_matplotlib()
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        shown, rows = self._shown, self._shown.total
        height = _BELOW + _ROW * (rows + _GAP * (rows - 1)) + _ABOVE
        self._figure = Figure(figsize=(_WIDTH, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self._figure)
        grid = self._figure.add_gridspec(
            *(rows, 3),
            **{"left": _LEFT, "right": _RIGHT, "wspace": 0.17, "hspace": _GAP},
            **{"bottom": _BELOW / height, "top": 1.0 - _ABOVE / height},
        )
        axes = [self._figure.add_subplot(grid[i // 3, i % 3]) for i in range(3 * rows)]
        colors = {team: team_color(team, i) for i, team in enumerate(teams)}
        rewards, kl, entropy = (_by_team(key, teams) for key in ("_reward", "/kl", "/entropy"))
        per_agent = "mean return per agent"
        nats = "nats per update" + ("; dashed: target" if self.kl_targets else "")
        levels = self._kl_levels(colors)
        self.panels = [
            Panel(axes[0], "Episode rewards", rewards, unit=per_agent, show_steps=False),
            *(_sight_panels if hide_and_seek else _plain_panels)(axes[1], axes[2], teams),
            *(object_panels(axes[3:6], shown.ramps) if shown.objects else ()),
            *(evaluation_panels(axes[-6:-3], shown.past) if shown.evaluations else ()),
            Panel(axes[-3], "KL divergence", kl, unit=nats, levels=levels, floor=0.0),
            Panel(axes[-2], "Entropy", entropy, unit="nats over all action heads"),
        ]
        self._build_texts(axes[-1], colors, height)

    def _kl_levels(self, colors: Mapping[str, str]) -> dict[float, str]:
        """One muted line where the teams share a target, else one per team in its color."""
        if len(set(self.kl_targets.values())) == 1:
            return {next(iter(self.kl_targets.values())): MUTED}
        return {kl: colors.get(team, MUTED) for team, kl in self.kl_targets.items()}

    def _build_texts(self, axes: Any, colors: Mapping[str, str], height: float) -> None:
        text = self._figure.text
        title, line, curves = (1.0 - inches / height for inches in (0.395, 0.608, 0.365))
        text(_LEFT, title, self.run_name, size=18, weight="bold", color=INK)
        below: dict[str, Any] = {"size": 10.5, "color": MUTED}
        self._texts = {
            "run": text(_LEFT, line, "", **below),
            "curves": text(_RIGHT, curves, "", ha="right", **below),
        }
        axes.set_axis_off()
        axes.set_title("Latest metrics", loc="left", size=12, weight="bold", color=INK, pad=22)
        axes.plot([0, 1], [1.06, 1.06], color=GRID, transform=axes.transAxes, clip_on=False)
        style = {"va": "top", "size": 9, "linespacing": 1.45, "transform": axes.transAxes}
        self._texts["labels"] = axes.text(0.0, 1.02, "", color=MUTED, **style)
        self._texts["shared"] = axes.text(1.0, 1.02, "", color=INK, ha="right", **style)
        for i, (team, color) in enumerate(colors.items()):
            right = 1.0 - 0.26 * (len(colors) - 1 - i)
            self._texts[team] = axes.text(right, 1.02, "", color=color, ha="right", **style)

    def _write_header(self, columns: Columns, window: int) -> None:
        latest = latest_of(columns)
        parts = [
            f"iteration {count(latest.get('iteration', 0))}",
            f"{count(latest.get('env_steps', 0))} env steps",
            f"{count(latest.get('agent_steps', 0))} agent steps",
        ]
        if math.isfinite(seconds := latest.get("time/total_s", math.nan)):
            parts.append(f"{duration(seconds)} of training")
        self._texts["run"].set_text("   ·   ".join(parts))
        lines = []
        if window > 1:
            lines = ["thin: every iteration", f"bold: centered mean of {window}"]
        if np.any(np.nan_to_num(columns.get("runners_missing", np.empty(0))) > 0):
            lines.append("shaded: runners were missing")
        self._texts["curves"].set_text("   ·   ".join(lines))

    def _write_summary(self, columns: Columns) -> None:
        latest = latest_of(columns)
        shared, of_team = shared_summary(columns), team_summary(columns)
        labels = ["", *of_team, "", *shared]
        self._texts["labels"].set_text("\n".join(labels))
        for name in ("labels", "shared", *(self._teams or ())):
            self._texts[name].set_linespacing(min(1.45, _LINES / len(labels)))
        above = "\n" * (len(of_team) + 2)
        self._texts["shared"].set_text(above + "\n".join(shared.values()))
        for team in self._teams or ():
            values = (
                text(latest.get(key.format(team), math.nan)) for key, text in of_team.values()
            )
            self._texts[team].set_text("\n".join([team, *values]).replace("-", "\N{MINUS SIGN}"))

    def _png(self) -> bytes:
        from PIL import Image

        self._figure.canvas.draw()
        image = Image.frombuffer(
            "RGBA", self._figure.canvas.get_width_height(), self._figure.canvas.buffer_rgba()
        ).convert("RGB")
        # A palette of 256 is beyond the eye here, a third of the bytes and half the time of RGB.
        image = image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        palette = np.array(image.getpalette(), np.uint8)
        palette[palette >= 252] = 255  # the paper stays white
        image.putpalette(palette.tobytes())
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        return file.getvalue()


def _sight_panels(left: Any, right: Any, teams: tuple[str, ...]) -> tuple[Panel, Panel]:
    """The two panels of hide and seek: how much, and how early a hider was seen."""
    title = " against ".join(teams).capitalize() or "Teams"
    sight = {
        SIGHT: ("seen: % of steps", TEAM_COLORS["seeker"]),
        "perfect_hide": ("never seen: % of games", TEAM_COLORS["hider"]),
    }
    first = {
        "first_seen_step": ("of seeking (never = all)", NEUTRAL),
        "episode_len_mean": ("episode length", LENGTH),
    }
    return (
        Panel(left, title, sight, text=percent, floor=0.0, show_steps=False),
        Panel(
            right,
            "Steps until a hider is seen",
            first,
            only_if_it_varies="episode_len_mean",
            show_steps=False,
        ),
    )


def _plain_panels(left: Any, right: Any, teams: tuple[str, ...]) -> tuple[Panel, Panel]:
    """The two panels in their place of another game."""
    variance = _by_team("/vf_explained_var", teams)
    length = {"episode_len_mean": ("episode length", LENGTH)}
    return (
        Panel(left, "Explained variance", variance, text=percent, show_steps=False),
        Panel(right, "Episode length", length, unit="steps", floor=0.0, show_steps=False),
    )


def _by_team(key: str, teams: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """A curve per team: its column, name and color."""
    return {f"{team}{key}": (team, team_color(team, i)) for i, team in enumerate(teams)}


def prepare_matplotlib() -> None:
    """Keeps matplotlib's font cache inside the project, unless the user chose a place."""
    if "MPLCONFIGDIR" not in os.environ:
        folder = cache_dir() / "matplotlib"
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["MPLCONFIGDIR"] = str(folder)
