"""Tables on the console: medians with ranges, and whether a target was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.rounds import spread

_LABEL, _NUMBER = 52, 12


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        label: what was measured.
        values: of each round; None where it failed.
        digits: behind the point.
        target: what the median shall reach; None: nothing.
        at_most: whether the target is the most instead.
    """

    label: str
    values: Sequence[float | None] = field(default_factory=list)
    digits: int = 0
    target: float | None = None
    at_most: bool = False

    def __str__(self) -> str:
        found = spread(self.values)
        if found is None:
            return f"  {self.label:<{_LABEL}}{'-':>{_NUMBER}}"
        numbers = "".join(f"{value:>{_NUMBER},.{self.digits}f}" for value in found.values())
        return f"  {self.label:<{_LABEL}}{numbers}{self._verdict(found['median'])}"

    def _verdict(self, median: float) -> str:
        if self.target is None:
            return ""
        reached = median <= self.target if self.at_most else median >= self.target
        sign = "<=" if self.at_most else ">="
        return f"   {'reached' if reached else 'MISSED'} ({sign} {self.target:,.{self.digits}f})"


def table(title: str, rows: Sequence[Row]) -> str:
    """A titled table."""
    columns = "".join(f"{name:>{_NUMBER}}" for name in ("median", "min", "max"))
    return "\n".join([f"{title:<{_LABEL + 2}}{columns}", *map(str, rows)])


def grid(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[float | None]]) -> str:
    """A titled table of single numbers, whole; None is shown as -."""
    lines = [f"{title:<{_LABEL + 2}}" + "".join(f"{name:>{_NUMBER}}" for name in columns)]
    for label, values in rows.items():
        numbers = ("-" if value is None else f"{value:,.0f}" for value in values)
        lines.append(f"  {label:<{_LABEL}}" + "".join(f"{text:>{_NUMBER}}" for text in numbers))
    return "\n".join(lines)
