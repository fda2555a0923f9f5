"""A schedule at work: its position on its curve, and its value at a training step.

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from trainer.schedules.curves import Schedule


class TrainingStep(NamedTuple):
    """The position of training, counted in what is done.

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
    """The iterations of a schedule: its progress runs from `progress` at `origin` to 1 at `total`.

    Attributes:
        total: iteration at which the schedule is at its end.
        origin: iteration from which this span counts.
        progress: progress at `origin`.
        first_step: steps (of the schedule's own unit) that were done before the schedule began.
        began: iteration at which the schedule began.
    """

    total: int
    origin: float = 0.0
    progress: float = 0.0
    first_step: int = 0
    began: int = 0

    @classmethod
    def starting(cls, step: TrainingStep, unit: str, total: int) -> Span:
        """The span of a schedule that begins at `step` and counts in `unit`s."""
        start = step.iteration
        return cls(total, float(start), 0.0, step.steps(unit), start)

    def at(self, position: float) -> float:
        """Progress in [0, 1] at a position in iterations."""
        if position >= self.total:
            return 1.0
        part = max(0.0, (position - self.origin) / (self.total - self.origin))
        return self.progress + (1.0 - self.progress) * part

    def stretched(self, position: float, total: int) -> Span:
        """The rest of this span from `position` on, stretched to end at `total`.

        Nothing jumps at `position`; a schedule that is at its end stays there.
        """
        if total == self.total:
            return self
        return replace(self, total=total, origin=position, progress=self.at(position))

    def rescaled(self, total: int) -> Span:
        """This span as if its end had been `total` from the beginning; the value may jump."""
        return replace(self, total=total, origin=float(self.began), progress=0.0)


@dataclass(frozen=True)
class ActiveSchedule:
    """A schedule on its span."""

    schedule: Schedule
    span: Span

    def value(self, step: TrainingStep) -> float:
        """The effective value at a training step."""
        schedule, unit = self.schedule, self.schedule.step_on
        steps = max(0, step.steps(unit) - self.span.first_step)
        value = schedule.curve.at(self.span.at(step.position(unit)), steps)
        if steps < schedule.warmup:
            value *= (steps + 1) / (schedule.warmup + 1)
        bump, since = schedule.bump, step.since_switch
        if bump is not None and since is not None and since < bump.updates:
            value *= bump.factor
        return value
