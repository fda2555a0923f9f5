"""Values of metadata in tables: also those that no training has written stay narrow."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.commands.checkpoint_tools.metadata_text import fixed, percent


@pytest.mark.parametrize(
    "value", [1e308, -1e308, 2**70, 10**400, "0.9", None, float("nan"), [1], {}, True]
)
def test_no_value_makes_a_column_as_wide_as_a_line(value: Any) -> None:
    assert len(fixed(value, 3)) < 16
    assert len(percent(value)) < 16


def test_usual_numbers_have_their_digits() -> None:
    assert (fixed(0.61234, 3), fixed(-1234567.891), percent(0.125)) == (
        *("0.612", "-1234567.89", "12.5%"),
    )
