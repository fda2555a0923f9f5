"""A table as a picture: every pairing a field, the darker the less was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.checkpoints.atomic import replacing
from trainer.commands.evaluate.report import Report
from trainer.commands.players.game import describe
from trainer.reporting.figure import prepare_matplotlib
from trainer.reporting.figure_panel import INK, MUTED

_COLORS = "cividis"  # told apart by eyes of every kind, and in print
_FIELD = 1.15, 0.72  # inches, width and height
_LETTER = 0.085  # inches, of a name
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.55, 1.2, 1.15, 0.75  # margins in inches, without the names
_LIGHT = 0.5  # from here on a field is bright, and its text dark
_SLANTED, _ASIDE = 0.55, 0.9  # height and width of a slanted name, as a share of its length


def draw_heat_map(report: Report, target: Path) -> None:
    """Writes the picture: seekers in rows, hiders in columns; in each field what was seen.

    Raises:
        OSError: it cannot be written.
    """
    prepare_matplotlib()
    from matplotlib.figure import Figure

    table = report.table
    rows, columns = len(table.seekers), len(table.hiders)
    titles = {person.name: person.title for person in report.people}
    seekers, hiders = ([titles[n] for n in names] for names in (table.seekers, table.hiders))
    longest_seeker, longest_hider = (max(map(len, names)) for names in (seekers, hiders))
    slanted = longest_hider * _LETTER > _FIELD[0] * 0.9
    left = _LEFT + longest_seeker * _LETTER
    above = _TOP + (longest_hider * _LETTER * _SLANTED if slanted else 0.1)
    least = 5.2  # the title needs room
    beyond = longest_hider * _LETTER * _ASIDE - _FIELD[0] / 2 if slanted else 0.0
    width = max(left + columns * _FIELD[0] + max(_RIGHT, beyond), least)
    height = above + rows * _FIELD[1] + _BOTTOM
    figure = Figure(figsize=(width, height), dpi=130, facecolor="white")
    place = (
        left / width,
        _BOTTOM / height,
        columns * _FIELD[0] / width,
        rows * _FIELD[1] / height,
    )
    axes = figure.add_axes(place)
    seen = table.means("seen_fraction")
    image = axes.imshow(seen, cmap=_COLORS, vmin=0.0, vmax=1.0, aspect="auto")
    axes.xaxis.tick_top()  # first: the labels above are others than those below
    axes.set_xticks(range(columns), hiders, color=INK, size=10)
    if slanted:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(rows), seekers, color=INK, size=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("seekers", color=MUTED, size=11)
    axes.set_xlabel("hiders", color=MUTED, size=11)
    axes.xaxis.set_label_position("top")
    _write_fields(axes, report)
    _add_scale(figure, image, place, width)
    top = describe(report.game)
    below = f"{report.games:,} games of each pairing, seed {report.seed}, {report.actions} actions"
    figure.text(0.15 / width, 1 - 0.3 / height, "Who sees whom", color=INK, size=13, weight="bold")
    figure.text(0.15 / width, 1 - 0.55 / height, top, color=MUTED, size=9)
    meaning = "share of the seeking steps in which a hider is seen; below it, games won by seekers"
    figure.text(0.15 / width, 0.36 / height, meaning, color=MUTED, size=9)
    figure.text(0.15 / width, 0.14 / height, below, color=MUTED, size=9)
    with replacing(target) as temporary:
        figure.savefig(temporary, format="png")


def _write_fields(axes: Any, report: Report) -> None:
    """The numbers in the fields."""
    for (row, column), cell in report.table.cells.items():
        share = cell.mean("seen_fraction")
        color = INK if share > _LIGHT else "white"
        won = f"{cell.outcomes.win_rate.share:.0%} won"
        axes.text(
            column, row - 0.12, f"{share:.2f}", color=color, size=13, ha="center", va="center"
        )
        axes.text(column, row + 0.24, won, color=color, size=8.5, ha="center", va="center")


def _add_scale(figure: Any, image: Any, place: tuple[float, ...], width: float) -> None:
    """What the colors mean, to the right of the fields."""
    left, bottom, wide, high = place
    axes = figure.add_axes((left + wide + 0.22 / width, bottom, 0.16 / width, high))
    scale = figure.colorbar(image, cax=axes)
    scale.set_ticks([0.0, 0.5, 1.0], labels=["0", "0.5", "1"])
    scale.outline.set_visible(False)
    axes.tick_params(length=0, colors=MUTED, labelsize=9)
    axes.set_ylabel("seen", color=MUTED, size=9)
