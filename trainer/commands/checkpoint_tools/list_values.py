"""Values as people read them in a list, and columns of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from trainer.checkpoints import metadata
from trainer.reporting.formatting import UNKNOWN

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table.

    Attributes:
        head: above it.
        cell: the text for a row; UNKNOWN for nothing.
        text: whether it is words, which stand to the left, not numbers.
        optional: whether it goes where it is unknown for all rows.
    """

    head: str
    cell: Callable[[Row], str]
    text: bool = False
    optional: bool = False


def aligned(columns: Iterable[Column[Row]], rows: Sequence[Row]) -> list[str]:
    """The head and a line for each row, all of one length."""
    lines = [""] * (len(rows) + 1)
    for column in columns:
        cells = [column.cell(row) for row in rows]
        if column.optional and all(cell == UNKNOWN for cell in cells):
            continue
        width = max(map(len, (column.head, *cells)))
        side = "<" if column.text else ">"
        padded = (f"{cell:{side}{width}}" for cell in (column.head, *cells))
        lines = [
            f"{line}  {cell}" if line else cell for line, cell in zip(lines, padded, strict=True)
        ]
    return lines


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Words in as many lines of at most `width` characters as they need."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def count(value: Any) -> str:
    """A count from JSON in at most seven characters or so: 153600, 39.3M."""
    known = metadata.as_count(value)
    if known is None:
        return UNKNOWN
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M")):
        if abs(known) >= 10**power:
            return f"{known / 10**power:.1f}{unit}"
    return str(known)


def fixed(value: Any, digits: int = 2) -> str:
    """A number from JSON with so many decimals."""
    number = metadata.as_float(value)
    return UNKNOWN if math.isnan(number) else f"{number:.{digits}f}"


def percent(value: Any) -> str:
    """A share, 0-1, from JSON."""
    number = metadata.as_float(value)
    return UNKNOWN if math.isnan(number) else f"{number:.1%}"


def date(value: Any) -> tuple[str, str]:
    """Date and time of day of a timestamp, as it was written."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return UNKNOWN, UNKNOWN
    return f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}"
