"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from trainer.reporting.formatting import count, duration, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (8192, "8,192"),
        (16384, "16.4k"),
        (999_950, "1M"),
        (3.28e6, "3.28M"),
        (1.31e9, "1.31G"),
        (-20_000, "-20k"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_count(value: float, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (172.184, "172.18"),
        (-5.3, "-5.30"),
        (0.00723, "0.0072"),
        (3e-4, "3.0e-4"),
        (123456.0, "1.2e+5"),
        (23456.7, "23457"),
        (math.nan, "-"),
    ],
)
def test_figure(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (760, "12:40"),
        (3599.7, "1:00:00"),
        (11100, "3:05:00"),
        (183_900, "2d 03:05"),
        (math.nan, "-"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_percent() -> None:
    assert percent(0.234) == "23%"
    assert percent(math.nan) == "-"
