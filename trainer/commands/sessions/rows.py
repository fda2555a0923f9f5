"""Session records as flat rows, which tables, CSV and JSON show alike."""

from __future__ import annotations

import csv
import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.checkpoints.safe_io.safe_output import as_it_is
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.tables import Column, aligned
from trainer.episodes.names import RecordName
from trainer.episodes.record import Record
from trainer.reporting.formatting import UNKNOWN

Row = dict[str, Any]
"""By column: a text, a number, a truth value, or None."""

_EPISODE = ("session", "worker", "episode", "iteration", "level", "opponents")
_KEPT = ("seen_fraction", "first_seen_step", "perfect_hide", "sealed")
_WIDEST = 48  # characters of a cell of a table
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def row_of(name: RecordName, record: Record) -> Row:
    """What one record says, its statistics under their own names.

    Session, worker and episode are those of its file, by which it can be found.
    """
    opponents = {
        f"{team}@{iteration}"
        for stretch in record.stretches
        for team, iteration in stretch.opponents.items()
    }
    row: Row = {
        "session": name.session,
        "worker": name.worker,
        "episode": name.episode,
        "iteration": record.iteration,
        "written": record.written,
        "run": record.run,
        "game": record.game,
        "level": record.level,
        "arena": record.arena,
        "seed": record.seed,
        "world": record.world,
        "opponents": " ".join(sorted(opponents)) or None,
        "trace": record.trace is not None,
    }
    stats = {key: value for key, value in record.statistics.items() if key not in row}
    for team, sums in record.rewards.items():
        paid = [value for value in sums if value is not None]
        stats.setdefault(f"{team}_reward", statistics.fmean(paid) if paid else None)
    return {**row, **stats}


def measured(rows: Iterable[Row]) -> list[str]:
    """The columns that a table of episodes shows: length, returns, and what tells most."""
    known = {name for row in rows for name in row}
    returns = [name for name in _sorted(known) if name.endswith("_return")]
    return [name for name in ("length", *_KEPT[:2], *returns, *_KEPT[2:]) if name in known]


def mean(values: Iterable[Any]) -> float | None:
    """The mean of the numbers among some values; None: there are none."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]
    return statistics.fmean(numbers) if numbers else None


def print_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, as_csv: bool) -> None:
    """Prints rows: as a table with some columns, or with all as JSON or CSV."""
    if as_json:
        print_json([{shown_line(key): _plain(row[key]) for key in row} for row in rows])
        return
    if as_csv:
        names = list(dict.fromkeys(name for row in rows for name in row))
        # Cell by cell it is safe; the cells of a line together may look like a URL's password.
        writer = csv.writer(as_it_is(sys.stdout), lineterminator="\n")
        writer.writerow([_no_formula(name) for name in names])
        writer.writerows([_no_formula(row.get(name)) for name in names] for row in rows)
        return

    def column(name: str) -> Column[Row]:
        text = any(isinstance(row.get(name), str) for row in rows)
        return Column(_short(name), lambda row: _cell(row.get(name)), text=text, optional=True)

    for line in aligned([column(name) for name in columns], rows, rule="-"):
        print(line.rstrip())


def print_episodes(rows: Sequence[Row], *, as_json: bool, as_csv: bool) -> None:
    """Prints rows of single records, as `print_rows` does."""
    print_rows(rows, (*_EPISODE, *measured(rows)), as_json=as_json, as_csv=as_csv)


def _cell(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1e9 else f"{value:.3e}"
    return _short(str(value))


def _short(text: str) -> str:
    line = shown_line(text)
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."


def _plain(value: Any) -> Any:
    return shown_line(value) if isinstance(value, str) else value


def _no_formula(value: Any) -> Any:
    """A value for a CSV cell; in front of a text that a spreadsheet would compute stands a `'`."""
    plain = _plain(value)
    return f"'{plain}" if isinstance(plain, str) and plain.startswith(_FORMULA) else plain


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name.startswith("hider"), name))


def keyed(rows: Iterable[Row], keys: Sequence[str]) -> Mapping[tuple[Any, ...], list[Row]]:
    """Rows grouped by the values of some columns, in ascending order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return dict(sorted(groups.items()))
