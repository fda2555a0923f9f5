"""When a curriculum goes on to its next level: by hand, or by a rule on what the episodes show.

The levels of a curriculum are its stages, counted from 0. A stage never goes back: a team that has
got worse at what it could do would otherwise be sent down by the other one's progress.

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Criterion:
    """When a stage is done.

    Attributes:
        metric: a statistic, mean over the newest episodes of the stage's own level.
        bound: what it has to be beyond.
        above: whether above it, else below.
        iterations: for which it has to be so, in a row.
    """

    metric: str
    bound: float
    above: bool
    iterations: int

    def is_met(self, value: float) -> bool:
        """Whether the metric is beyond the bound; nan (not known yet) is not."""
        return value > self.bound if self.above else value < self.bound

    def __str__(self) -> str:
        side = "above" if self.above else "below"
        return f"{self.metric} is {side} {self.bound:g}"


@dataclass(frozen=True)
class Promotion:
    """Where training stands in its curriculum.

    Attributes:
        levels: the names of the levels, by stage.
        criterion: when the stage rises by one; None: it stays.
        stage: the present one.
        streak: iterations in a row in which the criterion was met, up to now.
    """

    levels: tuple[str, ...]
    criterion: Criterion | None = None
    stage: int = 0
    streak: int = 0

    @property
    def level(self) -> str:
        """The name of the present stage's level."""
        return self.levels[self.stage]

    @property
    def is_last(self) -> bool:
        """Whether there is no further stage."""
        return self.stage == len(self.levels) - 1

    def advanced(self, means: Mapping[str, float]) -> Promotion:
        """The promotion after one more iteration.

        Args:
            means: of the statistics, over the newest episodes of this stage's level; nan: unknown.
        """
        if self.criterion is None or self.is_last:
            return self
        if not self.criterion.is_met(means[self.criterion.metric]):
            return replace(self, streak=0)
        if self.streak + 1 < self.criterion.iterations:
            return replace(self, streak=self.streak + 1)
        return replace(self, stage=self.stage + 1, streak=0)

    def resumed(self, state: Mapping[str, Any] | None) -> Promotion:
        """This promotion at the saved stage, in a curriculum that may have changed.

        The level counts, wherever it stands among the levels now; of one that is not among them,
        its number. A streak goes on under the same criterion only.

        Args:
            state: of `state`; None: there is none, and this begins at its own stage.
        """
        if state is None:
            return self
        level, stage = state["level"], int(state["stage"])
        known = level in self.levels
        stage = self.levels.index(level) if known else min(stage, len(self.levels) - 1)
        same = known and _plain(self.criterion) == state["criterion"]
        return replace(self, stage=stage, streak=int(state["streak"]) if same else 0)

    def state(self) -> dict[str, Any]:
        """Plain values for `resumed`."""
        return {
            "level": self.level,
            "stage": self.stage,
            "streak": self.streak,
            "criterion": _plain(self.criterion),
        }

    def __str__(self) -> str:
        place = f"stage {self.stage} of 0 to {len(self.levels) - 1}, {self.level}"
        if self.is_last:
            return f"{place}, the last one"
        if self.criterion is None:
            return f"{place}; it stays"
        wanted = f"{self.criterion} in {self.criterion.iterations} iterations in a row"
        so_far = f", {self.streak} so far" if self.streak else ""
        return f"{place}; then {self.levels[self.stage + 1]}, when {wanted}{so_far}"


def _plain(criterion: Criterion | None) -> dict[str, Any] | None:
    return None if criterion is None else vars(criterion).copy()
