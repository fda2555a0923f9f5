"""Schedules as value objects: training progress -> the value of a setting.

A `Schedule` is a curve with its warm-up and bump. `trainer/schedules/active.py` puts it on the
iterations of a run.

There are two kinds of curves. Those over the whole run (linear, cosine, exponential to an end
value, piecewise) depend on the progress, 0 at the first iteration and 1 after the last one. Those
that decay by a factor (exponential with gamma, step) depend on the steps done, whatever the length
of the run. In both the n-th step uses the value after n - 1 steps, as in torch: with a linear curve
over 10 iterations the last of them uses the value at 9/10.

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

STEP_UNITS = ("iteration", "epoch", "update")
_ALMOST_0 = math.ulp(0.0)  # the smallest value that a decay can reach


@dataclass(frozen=True)
class Curve:
    """The base of all curves: a value for each progress in [0, 1] and number of steps."""

    type: ClassVar[str]

    def at(self, progress: float, steps: int) -> float:
        raise NotImplementedError

    def extremes(self) -> tuple[float, ...]:
        """Values that bound the curve; a bound may only be approached."""
        return (self.at(0.0, 0), self.at(1.0, 0))

    @property
    def first(self) -> float:
        """The first value."""
        return self.at(0.0, 0)

    def starting_at(self, value: float) -> Curve | None:
        """The same curve from another first value to its own end; None where there is none.

        Raises:
            ValueError: it cannot begin with this value.
        """
        return None

    @classmethod
    def parameters(cls) -> set[str]:
        """The names of the parameters."""
        return {item.name for item in fields(cls)}

    def to_dict(self) -> dict[str, Any]:
        return {"type": self.type, **vars(self)}


@dataclass(frozen=True)
class Constant(Curve):
    type = "constant"
    value: float

    def at(self, progress: float, steps: int) -> float:
        return self.value


@dataclass(frozen=True)
class _BetweenTwoValues(Curve):
    start: float
    end: float

    def at(self, progress: float, steps: int) -> float:
        # The ends are returned as they were given: start + (end - start) may differ in rounding.
        if progress <= 0.0:
            return self.start
        return self.end if progress >= 1.0 else self._between(progress)

    def _between(self, progress: float) -> float:
        raise NotImplementedError

    def starting_at(self, value: float) -> Curve:
        return replace(self, start=value)


@dataclass(frozen=True)
class Linear(_BetweenTwoValues):
    """A straight line."""

    type = "linear"

    def _between(self, progress: float) -> float:
        return self.start + (self.end - self.start) * progress


@dataclass(frozen=True)
class Cosine(_BetweenTwoValues):
    """Half a cosine wave (Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983, eq. 5)."""

    type = "cosine"

    def _between(self, progress: float) -> float:
        return self.end + (self.start - self.end) * (1.0 + math.cos(math.pi * progress)) / 2.0


@dataclass(frozen=True)
class Exponential(_BetweenTwoValues):
    """Equal ratios in equal times; both values have the same sign and are not 0."""

    type = "exponential"

    def __post_init__(self) -> None:
        if self.start * self.end <= 0.0:
            raise ValueError(
                f"start and end must both be above (or both below) 0, not {self.start} and "
                f"{self.end}"
            )

    def _between(self, progress: float) -> float:
        value = self.start * (self.end / self.start) ** progress
        low, high = min(self.start, self.end), max(self.start, self.end)
        return min(max(value, low), high)


def _scaled(start: float, gamma: float, times: int) -> float:
    """start * gamma**times; the smallest number or inf where that under- or overflows."""
    try:
        return start * gamma**times or math.copysign(_ALMOST_0, start)
    except OverflowError:
        return math.copysign(math.inf, start)


@dataclass(frozen=True)
class _ByFactor(Curve):
    """A repeated factor; the length of the run does not matter."""

    start: float
    gamma: float

    def extremes(self) -> tuple[float, ...]:
        return (self.start, _ALMOST_0 if self.gamma < 1.0 else self.start)

    def starting_at(self, value: float) -> Curve:
        return replace(self, start=value)


@dataclass(frozen=True)
class Decay(_ByFactor):
    """A factor per step."""

    type = "exponential"

    def at(self, progress: float, steps: int) -> float:
        return _scaled(self.start, self.gamma, steps)


@dataclass(frozen=True)
class Step(_ByFactor):
    """A factor after every `step_size` steps."""

    type = "step"
    step_size: int

    def at(self, progress: float, steps: int) -> float:
        return _scaled(self.start, self.gamma, steps // self.step_size)


@dataclass(frozen=True)
class Piecewise(Curve):
    """Straight lines between (progress, value) points; constant before the first, after the last.

    Two points at the same progress are a jump.
    """

    type = "piecewise"
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        where = [progress for progress, _ in self.points]
        if not where or where != sorted(where) or where[0] < 0.0 or where[-1] > 1.0:
            raise ValueError(
                "points must be [progress, value] pairs in rising order, progress from 0 to 1"
            )

    def at(self, progress: float, steps: int) -> float:
        right = bisect_right(self.points, progress, key=lambda point: point[0])
        if right == 0:
            return self.points[0][1]
        if right == len(self.points):
            return self.points[-1][1]
        (x0, y0), (x1, y1) = self.points[right - 1], self.points[right]
        return y0 + (y1 - y0) * ((progress - x0) / (x1 - x0))

    def starting_at(self, value: float) -> Curve | None:
        if self.points[0][0] > 0.0 or len(self.points) == 1:
            return None
        return Piecewise(((0.0, value), *self.points[1:]))

    def extremes(self) -> tuple[float, ...]:
        return tuple(value for _, value in self.points)


@dataclass(frozen=True)
class Bump:
    """A factor on the first `updates` iterations after each switch of alternating training."""

    factor: float
    updates: int


@dataclass(frozen=True)
class Schedule:
    """A curve with its warm-up and its bump.

    Attributes:
        curve: the value without warm-up and bump.
        step_on: how often the value moves: each iteration, epoch or update (gradient step).
        warmup: steps over which the value rises from 0: the k-th of them has (k / (warmup + 1)).
        bump: a factor after each switch of alternating training.
    """

    curve: Curve
    step_on: str = "iteration"
    warmup: int = 0
    bump: Bump | None = None

    @property
    def is_constant(self) -> bool:
        """Whether this is only a number."""
        return isinstance(self.curve, Constant) and not self.warmup and self.bump is None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, from which `from_dict` makes an equal schedule."""
        values = self.curve.to_dict() | {"step_on": self.step_on, "warmup": self.warmup}
        return values | ({"bump": vars(self.bump).copy()} if self.bump else {})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Schedule:
        """The schedule that `to_dict` has described.

        Raises:
            ValueError, KeyError, TypeError: `values` are not those of a schedule.
        """
        values = dict(values)
        bump = values.pop("bump", None)
        step_on, warmup = values.pop("step_on"), int(values.pop("warmup"))
        if step_on not in STEP_UNITS:
            raise ValueError(f"step_on must be one of {', '.join(STEP_UNITS)}, not {step_on!r}")
        return cls(curve_from_dict(values), step_on, warmup, Bump(**bump) if bump else None)


CURVES: dict[str, tuple[type[Curve], ...]] = {
    "constant": (Constant,),
    "linear": (Linear,),
    "cosine": (Cosine,),
    "exponential": (Exponential, Decay),
    "step": (Step,),
    "piecewise": (Piecewise,),
}


def curve_from_dict(values: dict[str, Any]) -> Curve:
    """A curve from its type and parameters.

    Raises:
        ValueError, KeyError, TypeError: there is no such curve.
    """
    values = dict(values)
    kind = values.pop("type")
    if "points" in values:
        values["points"] = tuple((float(x), float(y)) for x, y in values["points"])
    for curve in CURVES[kind]:
        if set(values) == curve.parameters():
            return curve(**values)
    raise ValueError(f"a {kind} schedule has no such parameters: {', '.join(values)}")
