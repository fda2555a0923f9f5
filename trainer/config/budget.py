"""A budget of episodes or environment steps, and how fast a run spends it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

_PACE_ROWS = 20  # the pace is that of the last 20 iterations


class Counters(Protocol):
    """Lifetime counts of a run."""

    @property
    def env_steps(self) -> int: ...

    @property
    def episodes_completed(self) -> int: ...


@dataclass(frozen=True)
class Budget:
    """The end of a run, at the first iteration that reaches `target`.

    Attributes:
        counter: of the run, episodes_completed or env_steps.
        target: its value at the end of the run.
    """

    counter: str
    target: int

    @property
    def unit(self) -> str:
        """The name of the counter in a message."""
        return "episodes" if self.counter == "episodes_completed" else "env steps"

    def reached(self, counters: Counters) -> bool:
        """Whether a run with these counters has reached the target."""
        return int(getattr(counters, self.counter)) >= self.target


class Spending:
    """How much of a budget is spent, counted from the metrics rows.

    Attributes:
        budget: the budget.
        spent: over the whole life of the run; 0 before the first row.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.spent = 0
        self._last: deque[tuple[int, float]] = deque(maxlen=_PACE_ROWS + 1)  # spent, seconds

    def count(self, row: Mapping[str, float | int], seconds: float) -> None:
        """Counts one more iteration, by its metrics row and the seconds it took."""
        self.spent = int(row[self.budget.counter])
        self._last.append((self.spent, seconds))

    def eta_seconds(self) -> float:
        """Seconds until the budget is spent, at the pace of the last iterations; nan if unknown."""
        if not self._last:
            return math.nan
        spent = self.spent - self._last[0][0]
        seconds = sum(took for _, took in list(self._last)[1:])
        left = max(self.budget.target - self.spent, 0)
        return left * seconds / spent if spent else math.nan
