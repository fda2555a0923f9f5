"""Tables of text: aligned columns, as wide as their cells or folded to fit a width.

Plain strings: importing rich and laying out its tables would cost a list of 100 checkpoints 0.1 s.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import itemgetter
from typing import Generic, TypeVar

from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.reporting.formatting import UNKNOWN

Row = TypeVar("Row")
_GAP = "  "
_NARROWEST = 8  # characters of a folded column


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table.

    Attributes:
        head: its title.
        cell: the text for a row; UNKNOWN for nothing.
        text: whether it holds words, which are aligned left, not numbers.
        optional: whether to leave it out where it is unknown for all rows.
        least: its width in characters, if its cells need no more.
    """

    head: str
    cell: Callable[[Row], str]
    text: bool = False
    optional: bool = False
    least: int = 0


def aligned(
    columns: Iterable[Column[Row]],
    rows: Sequence[Row],
    *,
    width: int | None = None,
    gap: str = _GAP,
    rule: str = "",
) -> list[str]:
    """The heads and the rows as lines of one length.

    Args:
        columns: from left to right.
        rows: from top to bottom.
        width: the most characters of a line: what is longer is folded within its column, and a row
            takes as many lines as it needs. None: as wide as needed, one line for each row.
        gap: between the columns.
        rule: the character of a line under the heads; empty for none.
    """
    shown: list[tuple[str, list[str]]] = []
    widths: list[int] = []
    for column in columns:
        cells = [column.cell(row) for row in rows]
        if not column.optional or any(cell != UNKNOWN for cell in cells):
            shown.append(("<" if column.text else ">", [column.head, *cells]))
            widths.append(max(column.least, *map(len, shown[-1][1])))
    if width is not None:
        widths = _fitted(widths, width - len(gap) * (len(widths) - 1))
    lines: list[str] = []
    for place, row in enumerate(zip(*(cells for _, cells in shown), strict=True)):
        folded = [_folded(cell, room) for cell, room in zip(row, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            padded = (
                f"{part:{side}{room}}"
                for part, room, (side, _) in zip(parts, widths, shown, strict=True)
            )
            lines.append(gap.join(padded))
        if rule and place == 0:
            lines.append(rule * len(lines[0]))
    return lines


def print_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: Sequence[str] = (),
    *,
    wraps: bool = False,
) -> None:
    """Prints values under their heads, with a rule between.

    Args:
        heads: the titles of the columns.
        rows: one value for each head.
        numbers: the heads of columns of numbers, which are aligned right.
        wraps: whether to fold what is wider than the terminal; a pipe has no width.
    """

    def shown(place: int) -> Callable[[Sequence[object]], str]:
        value = itemgetter(place)
        return lambda row: shown_line(str(value(row)))

    columns = [
        Column(head, shown(place), text=head not in numbers) for place, head in enumerate(heads)
    ]
    width = shutil.get_terminal_size().columns if wraps and sys.stdout.isatty() else None
    for line in aligned(columns, [*rows], width=width, rule="-"):
        print(line.rstrip())


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Words in lines of at most `width` characters; a longer word has a line to itself."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit into `room` characters: the wide columns share what the narrow leave."""
    fitted = list(widths)
    for place, column in enumerate(sorted(range(len(widths)), key=widths.__getitem__)):
        share = max(room // (len(widths) - place), _NARROWEST)
        fitted[column] = min(widths[column], share)
        room -= fitted[column]
    return fitted


def _folded(cell: str, width: int) -> list[str]:
    return [cell] if len(cell) <= width else textwrap.wrap(cell, width)
