"""How a continued run goes on with the schedules of its checkpoint.

extend    go on; where the run is to be longer, the rest of each curve is laid over the rest of it
constant  hold the values that were reached
restart   begin anew, with the parameters of the configuration

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trainer.schedules.active import ActiveSchedule, Span, TrainingStep
from trainer.schedules.curves import Constant, Schedule
from trainer.schedules.scheduler import Scheduler

MODES = ("extend", "constant", "restart")


@dataclass(frozen=True)
class ResumePolicy:
    """What is to become of the schedules.

    Attributes:
        mode: one of `MODES`.
        rescale: in extend mode, take value(position / new total), which may jump, instead of
            stretching the rest of the curve.
        fixed_total: take the total that is asked for even if the old one was longer.
        carry: what the checkpoint schedules and the configuration does not mention goes on.
    """

    mode: str = "extend"
    rescale: bool = False
    fixed_total: bool = False
    carry: bool = True


@dataclass(frozen=True)
class Continuation:
    """What became of the schedules, for the user to read.

    Attributes:
        mode: one of `MODES`.
        old_total: iteration at which they were to end; None: the checkpoint does not say.
        new_total: iteration at which they end now.
        position: iterations done.
        values: by scheduled setting, the value before and after.
        carried: settings that go on with a schedule that only the checkpoint knows.
        ended: settings that are not scheduled any more.
    """

    mode: str
    old_total: int | None
    new_total: int
    position: int
    values: Mapping[str, tuple[float, float]]
    carried: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()

    @property
    def jumps(self) -> dict[str, tuple[float, float]]:
        """The settings whose value is not what it was."""
        return {
            name: (old, new)
            for name, (old, new) in self.values.items()
            if abs(new - old) > 1e-12 * max(abs(old), abs(new))
        }


def continue_schedules(
    fresh: Scheduler, saved: Mapping[str, Any] | None, iteration: int, policy: ResumePolicy
) -> tuple[Scheduler, Continuation]:
    """Go on from a checkpoint.

    Args:
        fresh: the schedules and the total that the configuration asks for; what it does not
            schedule goes on with the checkpoint's schedule, unless its number has changed.
        saved: `Scheduler.state` of the checkpoint; None if it has none: all schedules begin now.
        iteration: iterations done.
        policy: what is to become of them.

    Raises:
        ValueError, KeyError, TypeError: `saved` is not a state.
    """
    if saved is None:
        old, old_total = replace(fresh, configured={}, plain={}, running={}), None
    else:
        old = Scheduler.restored(saved, fresh)
        old_total = old.total
    total = fresh.total
    if old_total is not None and policy.mode != "restart" and not policy.fixed_total:
        total = max(old_total, total)
    configured = _with_carried(fresh, old) if policy.carry else fresh.configured
    now = replace(
        old,
        configured=configured,
        plain=fresh.plain,
        running={},
        total=total,
        iteration=iteration,
    )
    values, numbers = {}, old.plain or fresh.plain
    for name in dict.fromkeys([*fresh.running, *configured]):
        moment, before = now.moment(name), old.running.get(name)
        schedule = configured.get(name) or fresh.running[name].schedule
        begin = ActiveSchedule(schedule, _begin(schedule, moment, total))
        if before is None:
            was = numbers.get(name, 0.0)
            now.running[name] = begin
        else:
            was = before.value(moment)
            changed = old.configured.get(name) != configured.get(name)
            now.running[name] = _continued(before, begin, moment, policy, changed)
        if not schedule.is_plain or not (before is None or before.schedule.is_plain):
            values[name] = was, now.running[name].value(moment)
    for name in old.running.keys() - now.running.keys():
        values[name] = old.running[name].value(now.moment(name)), fresh.plain.get(name, 0.0)
    carried = tuple(name for name in configured if name not in fresh.configured)
    ended = tuple(name for name in old.configured if name not in configured)
    return now, Continuation(policy.mode, old_total, total, iteration, values, carried, ended)


def _with_carried(fresh: Scheduler, old: Scheduler) -> dict[str, Schedule]:
    """The configured schedules, and those of the checkpoint that nothing speaks against.

    A setting that is not scheduled today, but whose number is what it was, goes on with the
    schedule it had: it need not be said again on every resume.
    """
    rivals = {"env/prep_share": "env/prep_steps", "env/prep_steps": "env/prep_share"}
    carried = {
        name: schedule
        for name, schedule in old.configured.items()
        if name not in fresh.configured
        and rivals.get(name) not in fresh.configured
        and fresh.plain.get(name, 0.0) == old.plain.get(name, 0.0)
    }
    return fresh.configured | carried


def _continued(
    before: ActiveSchedule,
    begin: ActiveSchedule,
    moment: TrainingStep,
    policy: ResumePolicy,
    changed: bool,
) -> ActiveSchedule:
    """One setting: `before` of the checkpoint, `begin` the configured schedule begun now."""
    configured, total = begin.schedule, begin.course.total
    if policy.mode == "restart" or configured.is_plain:
        return begin
    calm = moment._replace(since_switch=None)  # without the bump, which passes by itself
    if policy.mode == "constant":
        return ActiveSchedule(Schedule(Constant(before.value(calm))), begin.course)
    if changed:
        return _changed(before, begin, calm)
    if policy.rescale:
        return replace(before, course=before.course.rescaled(total))
    return replace(before, course=before.course.stretched(float(moment.iteration), total))


def _changed(before: ActiveSchedule, begin: ActiveSchedule, moment: TrainingStep) -> ActiveSchedule:
    """A schedule with other parameters: from the value reached to its new end.

    It begins as it is told to where there is no way on from that value: it was a plain number so
    far, has come down to 0, or begins with another number now.
    """
    configured, old = begin.schedule, before.schedule
    reached = replace(before, schedule=replace(old, warmup=0)).value(moment)
    told_to_begin = old.curve.first != configured.curve.first and before.course.began == 0
    try:
        curve = configured.curve.starting_at(reached)
    except ValueError:  # not with this sign
        curve = None
    if isinstance(old.curve, Constant) or curve is None or reached == 0.0 or told_to_begin:
        return begin
    taken = moment.steps(old.step_on) - before.course.first_step
    if taken < old.warmup == configured.warmup and old.step_on == configured.step_on:
        course = replace(begin.course, first_step=before.course.first_step)
        return ActiveSchedule(replace(configured, curve=curve), course)
    return replace(begin, schedule=replace(configured, curve=curve, warmup=0))


def _begin(schedule: Schedule, moment: TrainingStep, total: int) -> Span:
    """A course that begins now."""
    start = moment.iteration
    return Span(total, float(start), 0.0, moment.steps(schedule.step_on), start)
