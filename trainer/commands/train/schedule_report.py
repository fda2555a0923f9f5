"""The schedules of a run, for the user to read before it starts."""

from __future__ import annotations

from trainer.commands.train.plan import RunPlan
from trainer.schedules.continuation import Continuation
from trainer.schedules.curves import Decay, Step
from trainer.schedules.scheduler import Scheduler


def print_new_schedules(plan: RunPlan) -> None:
    """Prints the schedules of a new run: when they end, and each with its first and last value."""
    schedules = plan.schedules
    _print_curriculum(plan)
    if not (isinstance(schedules, Scheduler) and schedules.scheduled):
        return
    stops = f"; this run stops at {plan.until}" if plan.until < schedules.total else ""
    print(f"schedules, up to iteration {schedules.total}{stops}:")
    width = max(map(len, schedules.scheduled))
    for name in schedules.scheduled:
        print(f"  {name:<{width}}  {_from_to(name, schedules)}")


def print_schedules(plan: RunPlan) -> None:
    """Prints how a resumed run continues its schedules: mode, totals, position, what jumps."""
    assert plan.restore_path is not None
    found = plan.continuation
    _print_curriculum(plan)
    if found is None:
        print(f"schedules: {plan.schedules}")
        return
    if not found.values:
        print("schedules: none, every setting is constant")
        return
    if found.old_total is None:
        print(
            f"warning: {plan.restore_path.name} says nothing about schedules; those of the "
            f"configuration begin now, at iteration {found.position}, and end at {found.new_total}"
        )
    else:
        print(f"Loaded schedule metadata from {plan.shown(plan.restore_path)}")
        print(f"  Previous total iterations: {found.old_total}")
        print(f"  Previous current iterations: {found.position}")
        print(f"Schedule mode: {found.mode.upper()} - {_MODES[found.mode]}")
        extended = found.mode == "extend" and found.new_total != found.old_total
        label = "Extended total" if extended else "Total"
        print(f"  {label} iterations: {found.new_total} (position {found.position})")
    width = max(map(len, found.values))
    for name, (old, new) in found.values.items():
        print(f"  {name:<{width}}  {_moved(name, old, new, found)}{_origin(plan, name, found)}")
        if name.endswith("/lr") and new == 0.0:
            print(f"warning: {name} is 0: this team does not learn any more; restart its schedule")


def _print_curriculum(plan: RunPlan) -> None:
    """Prints where a curriculum stands that no schedule moves."""
    if isinstance(plan.schedules, Scheduler) and plan.schedules.promotion is not None:
        print(f"curriculum: {plan.schedules.promotion}")


_MODES = {
    "extend": "continuing schedules from previous run",
    "constant": "holding the values that were reached",
    "restart": "starting schedules anew with the present parameters",
}


def _moved(name: str, old: float, new: float, found: Continuation) -> str:
    if name in found.ended:
        return f"ends: {old:.6g} -> {new:.6g}, a number from now on"
    if name in found.jumps:
        return f"jumps {old:.6g} -> {new:.6g}"
    return f"continues at {new:.6g}"


def _origin(plan: RunPlan, name: str, found: Continuation) -> str:
    """A note on a schedule that only the checkpoint has."""
    merge = None if plan.configured is None else plan.configured.merge
    owner, _, setting = name.partition("/")
    keys = {f"schedules.{owner}.{setting}", f"schedules.{setting}"}
    if setting == "lr":
        keys |= {"ppo.lr_schedule_type", f"ppo.{owner}.lr_schedule_type"}
    own = merge is not None and not keys.isdisjoint(merge.kept)
    alone = name in found.carried or (own and name not in found.ended)
    return "  (the checkpoint's schedule)" if alone else ""


def _from_to(name: str, schedules: Scheduler) -> str:
    """One schedule in a few words: first and last value, or its step."""
    schedule = schedules.active[name].schedule
    curve, unit = schedule.curve, schedule.step_on
    if isinstance(curve, Decay | Step) and unit != "iteration":
        way = f"{curve.first:.6g}, times {curve.gamma:g} "
        way += f"each {unit}" if isinstance(curve, Decay) else f"every {curve.step_size} {unit}s"
    else:
        way = f"{curve.first:.6g} -> {curve.at(1.0, schedules.total):.6g}"
    extras = [curve.type]
    extras += [f"warm-up of {schedule.warmup} {unit}s"] if schedule.warmup else []
    extras += [f"bump x {schedule.bump.factor:g}"] if schedule.bump else []
    return f"{way}  ({', '.join(extras)})"
