"""Where on its curve a schedule is, and the value at a moment of training.

A `ActiveSchedule` is a `Schedule` on its `Span`. Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from trainer.schedules.curves import Schedule


class TrainingStep(NamedTuple):
    """Where training stands: counts of what is already done.

    Attributes:
        iteration: iterations of the whole run.
        epoch, epochs: epochs of this iteration: done, and in all.
        update, updates: gradient steps of this iteration: done, and in all.
        past_epochs, past_updates: those of this team before this iteration.
        since_switch: iterations since alternating training last switched; None: it never did.
    """

    iteration: int
    epoch: int = 0
    epochs: int = 1
    update: int = 0
    updates: int = 1
    past_epochs: int = 0
    past_updates: int = 0
    since_switch: int | None = None

    def position(self, unit: str) -> float:
        """Iterations done, with the part of the present one that is done in whole `unit`s."""
        if unit == "epoch":
            return self.iteration + self.epoch / self.epochs
        if unit == "update":
            return self.iteration + self.update / self.updates
        return float(self.iteration)

    def steps(self, unit: str) -> int:
        """Whole `unit`s done."""
        if unit == "epoch":
            return self.past_epochs + self.epoch
        return self.past_updates + self.update if unit == "update" else self.iteration


@dataclass(frozen=True)
class Span:
    """Where a schedule is: its progress runs from `progress` at `origin` to 1 at `total`.

    Attributes:
        total: iteration at which the schedule is at its end.
        origin: iteration from which this course counts.
        progress: progress at `origin`.
        first_step: steps (of the schedule's own unit) that were done before the schedule began.
        began: iteration at which the schedule began.
    """

    total: int
    origin: float = 0.0
    progress: float = 0.0
    first_step: int = 0
    began: int = 0

    def at(self, position: float) -> float:
        """Progress in [0, 1] at a position in iterations."""
        if position >= self.total:
            return 1.0
        part = max(0.0, (position - self.origin) / (self.total - self.origin))
        return self.progress + (1.0 - self.progress) * part

    def stretched(self, position: float, total: int) -> Span:
        """The rest of the way, from what is reached at `position`, laid over the time to `total`.

        Nothing jumps at `position`, and the end is reached at `total`; a schedule that had come to
        its end stays there.
        """
        if total == self.total:
            return self
        return replace(self, total=total, origin=position, progress=self.at(position))

    def rescaled(self, total: int) -> Span:
        """As if the schedule had been meant to end at `total` from its beginning on."""
        return replace(self, total=total, origin=float(self.began), progress=0.0)


@dataclass(frozen=True)
class ActiveSchedule:
    """A schedule on its course."""

    schedule: Schedule
    course: Span

    def value(self, moment: TrainingStep) -> float:
        """The effective value at a moment."""
        schedule, unit = self.schedule, self.schedule.step_on
        steps = max(0, moment.steps(unit) - self.course.first_step)
        value = schedule.curve.at(self.course.at(moment.position(unit)), steps)
        if steps < schedule.warmup:
            value *= (steps + 1) / (schedule.warmup + 1)
        bump, since = schedule.bump, moment.since_switch
        if bump is not None and since is not None and since < bump.updates:
            value *= bump.factor
        return value
