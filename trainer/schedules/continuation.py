"""What happens to the schedules of a checkpoint when its run is resumed.

extend    continue; if the run gets longer, the rest of each curve is stretched over its new rest
constant  hold the values reached
restart   begin again, with the parameters of the configuration

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trainer.schedules.active import ActiveSchedule, Span, TrainingStep
from trainer.schedules.curves import Constant, Schedule
from trainer.schedules.promotion import Promotion
from trainer.schedules.scheduler import STAGE, Scheduler

MODES = ("extend", "constant", "restart")
_RIVALS = {"env/prep_share": "env/prep_steps", "env/prep_steps": "env/prep_share"}


@dataclass(frozen=True)
class ResumePolicy:
    """How a resumed run treats the schedules of its checkpoint.

    Attributes:
        mode: one of `MODES`.
        rescale: in extend mode, take value(position / new total), which may jump, instead of
            stretching the rest of the curve.
        fixed_total: take the configured total even if the old one was longer.
        carry: keep the schedules of the checkpoint that the configuration does not mention.
    """

    mode: str = "extend"
    rescale: bool = False
    fixed_total: bool = False
    carry: bool = True


@dataclass(frozen=True)
class Continuation:
    """What happened to the schedules, for a report.

    Attributes:
        mode: one of `MODES`.
        old_total: iteration at which they were to end; None: the checkpoint does not say.
        new_total: iteration at which they end now.
        position: iterations done.
        values: by scheduled setting, the value before and after.
        carried: settings that keep a schedule which only the checkpoint has.
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
        """The settings whose value changes on resume."""
        return {
            name: (old, new)
            for name, (old, new) in self.values.items()
            if abs(new - old) > 1e-12 * max(abs(old), abs(new))
        }


def continue_schedules(
    fresh: Scheduler, saved: Mapping[str, Any] | None, iteration: int, policy: ResumePolicy
) -> tuple[Scheduler, Continuation]:
    """The schedules of a resumed run, and what has changed in them.

    Args:
        fresh: the schedules and the total that the configuration asks for.
        saved: `Scheduler.state` of the checkpoint; None if it has none: all schedules begin now.
        iteration: iterations done.
        policy: how the saved schedules are treated.

    Raises:
        ValueError, KeyError, TypeError: `saved` is not a state.
    """
    if saved is None:
        old, old_total = replace(fresh, configured={}, base_values={}, active={}), None
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
        base_values=fresh.base_values,
        active={},
        total=total,
        iteration=iteration,
    )
    now.promotion = _promotion(fresh, old, now)
    values, base_values = {}, _base_values(fresh, old, saved)
    for name in dict.fromkeys([*fresh.active, *configured]):
        step, before = now.training_step(name), old.active.get(name)
        schedule = configured.get(name) or fresh.active[name].schedule
        begin = ActiveSchedule(schedule, Span.starting(step, schedule.step_on, total))
        if before is None:
            old_value = base_values.get(name, 0.0)
            now.active[name] = begin
        else:
            old_value = before.value(step)
            changed = old.configured.get(name) != configured.get(name)
            now.active[name] = _continued(before, begin, step, policy, changed)
        if not schedule.is_constant or not (before is None or before.schedule.is_constant):
            values[name] = old_value, now.active[name].value(step)
    for name in old.active.keys() - now.active.keys():
        old_value = old.active[name].value(now.training_step(name))
        values[name] = old_value, {**fresh.base_values, **now.values()}.get(name, 0.0)
    carried = tuple(name for name in configured if name not in fresh.configured)
    ended = tuple(name for name in old.configured if name not in configured)
    return now, Continuation(policy.mode, old_total, total, iteration, values, carried, ended)


def _promotion(fresh: Scheduler, old: Scheduler, now: Scheduler) -> Promotion | None:
    """Where a curriculum goes on without a schedule: at its stage, also one that a schedule set."""
    if STAGE in now.configured or now.promotion is None:
        return None
    before = old.active.get(STAGE)
    if before is None:
        return now.promotion
    reached = round(before.value(now.training_step(STAGE)))
    last = len(now.promotion.levels) - 1
    return replace(now.promotion, stage=max(0, min(reached, last)))


def _base_values(
    fresh: Scheduler, old: Scheduler, saved: Mapping[str, Any] | None
) -> Mapping[str, float]:
    """The numbers in force so far where nothing was scheduled."""
    values = old.base_values or fresh.base_values
    stage = (saved or {}).get("promotion")
    return values if stage is None else {**values, STAGE: float(stage["stage"])}


def _with_carried(fresh: Scheduler, old: Scheduler) -> dict[str, Schedule]:
    """The configured schedules, and those of the checkpoint that nothing contradicts.

    A setting without a configured schedule keeps the one it had as long as its base value is the
    same: a schedule need not be repeated on every resume.
    """
    carried = {
        name: schedule
        for name, schedule in old.configured.items()
        if name not in fresh.configured
        and not (name == STAGE and fresh.promotion is not None and fresh.promotion.criterion)
        and _RIVALS.get(name) not in fresh.configured
        and fresh.base_values.get(name, 0.0) == old.base_values.get(name, 0.0)
    }
    return fresh.configured | carried


def _continued(
    before: ActiveSchedule,
    begin: ActiveSchedule,
    step: TrainingStep,
    policy: ResumePolicy,
    changed: bool,
) -> ActiveSchedule:
    """One setting: `before` of the checkpoint, `begin` the configured schedule begun now."""
    configured, total = begin.schedule, begin.span.total
    if policy.mode == "restart" or configured.is_constant:
        return begin
    without_bump = step._replace(since_switch=None)  # a bump passes by itself
    if policy.mode == "constant":
        return ActiveSchedule(Schedule(Constant(before.value(without_bump))), begin.span)
    if changed:
        return _with_new_parameters(before, begin, without_bump)
    if policy.rescale:
        return replace(before, span=before.span.rescaled(total))
    return replace(before, span=before.span.stretched(float(step.iteration), total))


def _with_new_parameters(
    before: ActiveSchedule, begin: ActiveSchedule, step: TrainingStep
) -> ActiveSchedule:
    """A schedule whose parameters have changed: from the value reached to its new end.

    It begins at its own start instead where no curve leads on from the value reached: the setting
    was a constant so far, has come down to 0, or the configured start is another one now.
    """
    configured, old = begin.schedule, before.schedule
    reached = replace(before, schedule=replace(old, warmup=0)).value(step)
    has_new_start = old.curve.first != configured.curve.first and before.span.began == 0
    try:
        curve = configured.curve.starting_at(reached)
    except ValueError:  # not with this sign
        curve = None
    if isinstance(old.curve, Constant) or curve is None or reached == 0.0 or has_new_start:
        return begin
    done = step.steps(old.step_on) - before.span.first_step
    if done < old.warmup == configured.warmup and old.step_on == configured.step_on:
        span = replace(begin.span, first_step=before.span.first_step)
        return ActiveSchedule(replace(configured, curve=curve), span)
    return replace(begin, schedule=replace(configured, curve=curve, warmup=0))
