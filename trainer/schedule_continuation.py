"""How a continued run goes on with the schedules of its checkpoint.

extend    go on; where the run is to be longer, the rest of each curve is laid over the rest of it
constant  hold the values that were reached
restart   begin anew, from the configuration

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trainer.run_schedules import RunSchedules
from trainer.schedule_course import Course, Moment, Running
from trainer.schedules import Constant, Schedule

MODES = ("extend", "constant", "restart")


@dataclass(frozen=True)
class Policy:
    """What is to become of the schedules.

    Attributes:
        mode: one of `MODES`.
        rescale: in extend mode, take value(position / new total), which may jump, instead of
            stretching the rest of the curve.
        fixed_total: take the total that is asked for even if the old one was longer.
    """

    mode: str = "extend"
    rescale: bool = False
    fixed_total: bool = False


@dataclass(frozen=True)
class Continuation:
    """What became of the schedules, for the user to read.

    Attributes:
        mode: one of `MODES`.
        old_total: iteration at which they were to end; None: the checkpoint does not say.
        new_total: iteration at which they end now.
        position: iterations done.
        values: by scheduled setting, the value before and after.
    """

    mode: str
    old_total: int | None
    new_total: int
    position: int
    values: Mapping[str, tuple[float, float]]

    @property
    def jumps(self) -> dict[str, tuple[float, float]]:
        """The settings whose value is not what it was."""
        return {
            name: (old, new)
            for name, (old, new) in self.values.items()
            if abs(new - old) > 1e-12 * max(abs(old), abs(new))
        }


def continue_schedules(
    fresh: RunSchedules, saved: Mapping[str, Any] | None, iteration: int, policy: Policy
) -> tuple[RunSchedules, Continuation]:
    """Go on from a checkpoint.

    Args:
        fresh: the schedules and the total that the configuration asks for.
        saved: `RunSchedules.state` of the checkpoint; None if it has none: all schedules begin now.
        iteration: iterations done.
        policy: what is to become of them.

    Raises:
        ValueError, KeyError, TypeError: `saved` is not a state.
    """
    old = replace(fresh, running={}) if saved is None else RunSchedules.restored(saved, fresh)
    total = fresh.total
    if saved is not None and policy.mode != "restart" and not policy.fixed_total:
        total = max(old.total, total)
    now = replace(old, configured=fresh.configured, running={}, total=total, iteration=iteration)
    values = {}
    for name, configured in fresh.configured.items():
        moment, before = now.moment(name), old.running.get(name)
        begin = Running(configured, _begin(configured, moment, total))
        if before is None:
            now.running[name] = begin
            continue
        changed = old.configured[name] != configured
        now.running[name] = _continued(before, begin, moment, policy, changed)
        if not (configured.is_plain and old.configured[name].is_plain):
            values[name] = before.value(moment), now.running[name].value(moment)
    old_total = None if saved is None else old.total
    return now, Continuation(policy.mode, old_total, total, iteration, values)


def _continued(
    before: Running, begin: Running, moment: Moment, policy: Policy, changed: bool
) -> Running:
    """One setting: `before` of the checkpoint, `begin` the configured schedule begun now."""
    configured, total = begin.schedule, begin.course.total
    if policy.mode == "restart" or configured.is_plain:
        return begin
    # Without the bump, which passes by itself.
    reached = before.value(moment._replace(since_switch=None))
    if policy.mode == "constant":
        return Running(Schedule(Constant(reached)), begin.course)
    if changed:
        # From the value reached to the new end; but a setting that was a plain number so far, and a
        # list of points, begin as they are told to.
        curve = configured.curve.starting_at(reached)
        if isinstance(before.schedule.curve, Constant) or curve is None:
            return begin
        return replace(begin, schedule=replace(configured, curve=curve, warmup=0))
    if policy.rescale:
        return replace(before, course=before.course.rescaled(total))
    return replace(before, course=before.course.stretched(float(moment.iteration), total))


def _begin(schedule: Schedule, moment: Moment, total: int) -> Course:
    """A course that begins now."""
    start = moment.iteration
    return Course(total, float(start), 0.0, moment.steps(schedule.step_on), start)
