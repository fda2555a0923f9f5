"""The tables on the console."""

from __future__ import annotations

import pytest

from benchmarks.table import Row, table


def test_a_row_has_median_range_and_verdict() -> None:
    assert str(Row("speed", [1000.0, 3000.0, 2000.0])).split() == [
        *("speed", "2,000", "1,000", "3,000")
    ]
    assert str(Row("speed", [None, None])).split() == ["speed", "-"]


@pytest.mark.parametrize(
    ("value", "at_most", "verdict"),
    [
        (3.0, False, "reached (>= 3.0)"),
        (2.9, False, "MISSED (>= 3.0)"),
        (3.0, True, "reached (<= 3.0)"),
        (3.1, True, "MISSED (<= 3.0)"),
    ],
)
def test_the_verdict_on_a_target(value: float, at_most: bool, verdict: str) -> None:
    assert str(Row("ratio", [value], 1, 3.0, at_most)).endswith(verdict)


def test_columns_stand_below_their_names() -> None:
    head, row = table("Title", [Row("x" * 52, [1.5], 1)]).splitlines()
    assert [head.index(name) + len(name) for name in ("median", "min", "max")] == [
        at + 3 for at, _ in enumerate(row) if row[at : at + 3] == "1.5"
    ]
