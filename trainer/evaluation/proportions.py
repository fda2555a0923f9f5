"""How sure a share is that was counted in a number of games."""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.959964  # of a two-sided interval with 95% confidence


class Interval(NamedTuple):
    """A share, and the lowest and highest ones that are compatible with what was counted."""

    share: float
    low: float
    high: float


def wilson(successes: float, trials: int, z: float = Z95) -> Interval:
    """Wilson's score interval of a share; it stays within 0 and 1, and is never empty.

    Args:
        successes: how many; a draw may count as half of one, which makes the interval, if
            anything, too wide.
        trials: of how many.
        z: the standard score of the confidence.

    Raises:
        ValueError: there was no trial, or more successes than trials.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    share = successes / trials
    weight = 1 + z * z / trials
    center = (share + z * z / (2 * trials)) / weight
    half = z * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2) / weight
    return Interval(share, max(0.0, center - half), min(1.0, center + half))
