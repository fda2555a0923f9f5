"""Wilson's interval, against the roots of the equation that defines it."""

from __future__ import annotations

import math

import pytest

from trainer.evaluation.proportions import Z95, wilson


@pytest.mark.parametrize(("successes", "trials"), [(1, 10), (5, 10), (37.5, 256), (0, 7), (7, 7)])
def test_its_ends_are_just_compatible_with_what_was_counted(successes: float, trials: int) -> None:
    share, low, high = wilson(successes, trials)
    assert share == successes / trials
    for end in {low, high} - {0.0, 1.0}:
        distance = abs(share - end)
        assert distance == pytest.approx(Z95 * math.sqrt(end * (1 - end) / trials))
    assert 0.0 <= low <= share <= high <= 1.0


def test_known_values() -> None:
    """As in R: prop.test(15, 50, correct = FALSE)."""
    assert wilson(15, 50) == pytest.approx((0.3, 0.1910, 0.4375), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.0, 0.2775), abs=1e-4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts(successes: float, trials: int) -> None:
    with pytest.raises(ValueError, match="successes in"):
        wilson(successes, trials)
