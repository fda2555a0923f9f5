"""The settings of a curriculum: levels that are played one after the other, and when to go on."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from envs.hide_and_seek.levels import check_level
from envs.hide_and_seek.setting_types import Finite, Settings

_SHARES = ("seen_fraction", "perfect_hide", "door_blocked", "sealed", "sealed_at_end")


class Promote(Settings):
    """When the next level is played: a metric beyond a bound for some iterations in a row."""

    metric: str
    """One of the game's metrics, mean over the newest episodes of the present level."""
    above: Finite | None = None
    """The metric has to be above this, or"""
    below: Finite | None = None
    """below this."""
    iterations: Annotated[int, Field(strict=True, ge=1, le=10**9)] = 10
    """In a row in which it has to be so."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.above is None) == (self.below is None):
            given = "neither is" if self.above is None else "both are"
            raise ValueError(f"needs above or below, a number; {given} given")
        return self

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.below is not None and self.below <= 0:
            raise ValueError(f"{self.metric} is never below {self.below:g}: it is at least 0")
        if self.above is not None and self.above >= 1 and self.metric in _SHARES:
            raise ValueError(f"{self.metric} is never above {self.above:g}: it is a share, 0 to 1")
        return self


class Curriculum(Settings):
    """Levels from easy to hard; the number of a level in this list is its stage."""

    levels: Annotated[tuple[str, ...], Field(min_length=2)]
    """Their names; stage 0 is the first one."""
    earlier_share: Annotated[Finite, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of the episodes that are of an earlier level, so that it is not forgotten."""
    promote: Promote | None = None
    """When the stage rises by itself; None: by `schedules.env.stage`, or never."""

    @field_validator("levels")
    @classmethod
    def _known_and_each_once(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        for level in levels:
            check_level(level)
            if levels.count(level) > 1:
                raise ValueError(f"level {level!r} is in the list more than once")
        return levels

    def shares(self, stage: int) -> tuple[float, ...]:
        """The share of the episodes that each level has at a stage."""
        before = self.earlier_share / stage if stage else 0.0
        now = 1.0 - before * stage
        return tuple(
            now if k == stage else before if k < stage else 0.0 for k in range(len(self.levels))
        )
