"""The table of checkpoints as text: pure functions from a listing to lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import layout, metadata, sorting
from trainer.checkpoints.index import Listing
from trainer.checkpoints.records import CheckpointInfo

WIDTH = 80
UNKNOWN = "-"
DEFAULT_METRIC = "reward_mean"
NO_MARKS: Mapping[int, str] = {}
_SHORT_TAGS = (layout.FINAL_TAG, layout.PINNED_TAG)


@dataclass(frozen=True)
class Style:
    """What the output can show: emoji, and colours as ANSI codes."""

    emoji: bool = False
    colour: bool = False

    def icon(self, symbol: str) -> str:
        """The symbol with a space after it, or nothing."""
        return f"{symbol} " if self.emoji else ""

    def paint(self, text: str, code: str) -> str:
        """The text in a colour: "1" bold, "32" green, "36" cyan."""
        return f"\033[{code}m{text}\033[0m" if self.colour and text else text


def render(
    listing: Listing,
    directory: Path | str,
    *,
    detailed: bool = False,
    style: Style | None = None,
    now: datetime | None = None,
    branches: Sequence[Path] = (),
    order: Sequence[CheckpointInfo] | None = None,
    best_by: str = DEFAULT_METRIC,
    marks: Mapping[int, str] = NO_MARKS,
) -> list[str]:
    """All lines of the list of a checkpoint directory that holds at least one checkpoint.

    `order` is another one than by iteration; `best_by` a metric, as for `sorting.best`; `marks`
    are put behind the rows, by iteration. ValueError if there is no such metric.
    """
    style = style or Style()
    top, metric = sorting.best(listing, best_by)
    shown = listing.checkpoints if order is None else order
    rows = detailed_rows if detailed else plain_rows
    table = rows(shown, top, style, now or datetime.now(), marks)
    summary = _summary(listing, style)
    if top is not None:
        name = "reward" if metric == DEFAULT_METRIC else _printable(metric)
        summary.append(f"   Best {name}: {_decimal(top, metric)} (iteration {top.iteration})")
    summary += [f"   Set aside: {branch.name}" for branch in branches]
    return [*_header(listing, directory, style), "", *table, "", *summary]


def plain_rows(
    shown: Sequence[CheckpointInfo],
    top: CheckpointInfo | None,
    style: Style,
    now: datetime,
    marks: Mapping[int, str] = NO_MARKS,
) -> list[str]:
    """The short table: iteration, date, reward, episodes, folder."""
    lines = [_short("Iter", "Date", "Reward", "Episodes", "Path"), "-" * WIDTH]
    for info in shown:
        words = [tag for tag in _SHORT_TAGS if tag in info.tags]
        words += [marks[info.iteration]] if info.iteration in marks else []
        behind = "".join(style.paint(f" [{word.upper()}]", "36") for word in words)
        date, episodes = _date(info)[0], _count(info, "episodes_completed")
        line = _short(str(info.iteration), date, _fixed(info, "reward_mean"), episodes, info.name)
        lines.append(style.paint(line, "32" if info is top else "") + behind)
    return [*lines, "-" * WIDTH]


def detailed_rows(
    shown: Sequence[CheckpointInfo],
    top: CheckpointInfo | None,
    style: Style,
    now: datetime,
    marks: Mapping[int, str] = NO_MARKS,
) -> list[str]:
    """Everything about each checkpoint, in columns as wide as their widest value."""
    heads = [column.head for column in _COLUMNS]
    cells = [[column.cell(info, now) for column in _COLUMNS] for info in shown]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = [_aligned(heads, widths)]
    for info, row in zip(shown, cells, strict=True):
        best = info is top
        words = [*map(_printable, info.tags), *["best"] * best]
        words += [marks[info.iteration]] if info.iteration in marks else []
        line = style.paint(_aligned(row, widths), "32" if best else "")
        behind = [style.paint(f"[{word.upper()}]", "36") for word in words]
        lines.append(" ".join([line, *behind]).rstrip())
    rule = "-" * max(WIDTH, sum(widths) + 2 * len(widths) - 2)
    return [lines[0].rstrip(), rule, *lines[1:], rule]


def size(count: float) -> str:
    """Bytes for people, in powers of 1024: 257215693 -> "245.3 MB"."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KB", "MB", "GB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} TB"


def age(seconds: float) -> str:
    """A duration for people, in one unit: 7200 -> "2 h"."""
    if math.isnan(seconds):
        return UNKNOWN
    seconds = max(seconds, 0.0)
    for limit, length, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds // 86400:.0f} d"


def _header(listing: Listing, directory: Path | str, style: Style) -> list[str]:
    rule = "=" * WIDTH
    title = f"{style.icon('📂')}CHECKPOINT DIRECTORY: {_printable(str(directory))}"
    return [
        rule,
        style.paint(title, "1"),
        rule,
        f"Total checkpoints: {len(listing.checkpoints)}",
        f"Index last updated: {_printable(listing.last_updated or UNKNOWN)}",
        rule,
    ]


def _summary(listing: Listing, style: Style) -> list[str]:
    used = size(sum(info.size_bytes for info in listing.checkpoints))
    latest = listing.iterations[-1] if listing.checkpoints else UNKNOWN
    return [
        style.paint(f"{style.icon('📊')}Summary:", "1"),
        f"   Total checkpoints: {len(listing.checkpoints)}",
        f"   Total disk usage: {used}",
        f"   Latest iteration: {latest}",
    ]


def _decimal(info: CheckpointInfo, key: str) -> str:
    """A reward with two decimals, any other metric with six digits."""
    return _fixed(info, key) if key in metadata.REWARD_KEYS else f"{info.number(key):.6g}"


def _short(iteration: str, date: str, reward: str, episodes: str, name: str) -> str:
    return f"{iteration:<8} {date:<12} {reward:<10} {episodes:<10} {name}"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells two blanks apart: numbers to the right, texts to the left."""
    return "  ".join(
        f"{cell:<{width}}" if column.text else f"{cell:>{width}}"
        for cell, width, column in zip(cells, widths, _COLUMNS, strict=True)
    )


def _fixed(info: CheckpointInfo, key: str) -> str:
    value = info.number(key)
    return UNKNOWN if math.isnan(value) else f"{value:.2f}"


def _count(info: CheckpointInfo, key: str) -> str:
    value = metadata.as_count(info.metadata.get(key))
    return UNKNOWN if value is None else str(value)


def _date(info: CheckpointInfo) -> tuple[str, str]:
    """Date and time of day of the save, as it was written."""
    try:
        when = datetime.fromisoformat(str(info.metadata.get("timestamp")))
    except ValueError:
        return UNKNOWN, UNKNOWN
    return f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}"


def _seconds_since(info: CheckpointInfo, now: datetime) -> float:
    return now.timestamp() - info.number("timestamp_unix")


def _printable(text: str) -> str:
    """Text without control characters, which could rewrite the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


@dataclass(frozen=True)
class _Column:
    head: str
    cell: Callable[[CheckpointInfo, datetime], str]
    text: bool = False  # to the left


_COLUMNS = (
    _Column("Iter", lambda info, now: str(info.iteration)),
    _Column("Date", lambda info, now: _date(info)[0], text=True),
    _Column("Time", lambda info, now: _date(info)[1], text=True),
    _Column("Age", lambda info, now: age(_seconds_since(info, now))),
    _Column("Reward", lambda info, now: _fixed(info, "reward_mean")),
    _Column("Seeker", lambda info, now: _fixed(info, "seeker_reward")),
    _Column("Hider", lambda info, now: _fixed(info, "hider_reward")),
    _Column("Ep.len", lambda info, now: _fixed(info, "episode_len_mean")),
    _Column("Episodes", lambda info, now: _count(info, "episodes_completed")),
    _Column("Env steps", lambda info, now: _count(info, "env_steps")),
    _Column("Size", lambda info, now: size(info.size_bytes)),
    _Column("Path", lambda info, now: info.name, text=True),
)
