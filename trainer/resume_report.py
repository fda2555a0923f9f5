"""What would be resumed, for the user to read before it happens."""

from __future__ import annotations

import math
from typing import Any

from trainer.checkpoints import layout, metadata
from trainer.config_base import ConfigError
from trainer.config_file import load_config
from trainer.config_keys import dotted_keys
from trainer.resume_changes import config_changes, refused_keys
from trainer.run_folder import open_folder
from trainer.run_plan import RunPlan, StateUnreadable, planned_schedules


def print_report(plan: RunPlan) -> None:
    """Iteration, date and rewards of a planned resume."""
    assert plan.restore_path is not None
    values, manager = plan.metadata, open_folder(plan.config.ppo.checkpoint_dir)
    lines = {
        "checkpoint": plan.shown(plan.restore_path),
        "iteration": f"{plan.first_iteration}, to go on to {plan.until}",
        "saved": str(values.get("timestamp", "unknown")).replace("T", " "),
        "reward mean": _number(values.get("reward_mean")),
        "seeker reward": _number(values.get("seeker_reward")),
        "hider reward": _number(values.get("hider_reward")),
        "episodes": _count(values.get("episodes_completed")),
        "agent steps": _count(values.get("agent_steps")),
        "new ones go to": manager.shown,
    }
    newer = [
        str(found["iteration"])
        for found in manager.list_checkpoints()
        if found["iteration"] > plan.first_iteration
    ]
    if newer:
        lines["moved aside"] = f"{', '.join(newer)} (newer; into a branch_after_... folder)"
    for key, text in lines.items():
        print(f"  {key:<15} {text}")


def print_changes(plan: RunPlan) -> bool:
    """Say per setting whether it is carried over, changed or refused; True if one is refused."""
    assert plan.restore_path is not None
    try:
        saved = load_config(plan.restore_path / layout.CONFIG)
    except ConfigError as error:
        print(f"configuration: the checkpoint's cannot be compared: {error}")
        return False
    changes = config_changes(saved, plan.config)
    carried = len(dotted_keys(plan.config)) - len(changes)
    if not changes:
        print(f"configuration: as in the checkpoint, all {carried} keys carried over")
        return False
    refused = refused_keys(saved, plan.config)
    print("configuration (checkpoint -> now):")
    width = max(map(len, changes))
    for key, (old, new) in changes.items():
        verdict = "REFUSED: another network" if key in refused else f"changed{_effect(key)}"
        print(f"  {key:<{width}}  {old} -> {new}  {verdict}")
    print(f"  {'the other keys':<{width}}  {carried} carried over")
    return bool(refused)


def print_schedules(plan: RunPlan) -> None:
    """Say how the run goes on with its schedules: mode, totals, position, what jumps."""
    assert plan.restore_path is not None
    try:
        _, found = planned_schedules(
            plan.config, plan.until, plan.restore_path, plan.first_iteration
        )
    except StateUnreadable as error:
        print(f"schedules: {error}")
        return
    if found.old_total is None:
        print(
            f"warning: {plan.restore_path.name} says nothing about schedules; those of the "
            f"configuration begin now, at iteration {found.position}"
        )
    elif not found.values:
        print("schedules: none, every setting is constant")
        return
    else:
        print(f"Loaded schedule metadata from {plan.shown(plan.restore_path)}")
        print(f"  Previous total iterations: {found.old_total}")
        print(f"  Previous current iterations: {found.position}")
    print(f"Schedule mode: {found.mode.upper()} - {_MODES[found.mode]}")
    label = "Extended total" if found.new_total != found.old_total else "Total"
    print(f"  {label} iterations: {found.new_total} (position {found.position})")
    width = max(map(len, found.values), default=0)
    for name, (old, new) in found.values.items():
        moved = f"jumps {old:.6g} -> {new:.6g}" if name in found.jumps else f"goes on at {new:.6g}"
        origin = "  (the checkpoint's schedule)" if name in found.carried else ""
        print(f"  {name:<{width}}  {moved}{origin}")
        if name.endswith("/lr") and new == 0.0:
            print(f"warning: {name} is 0: this team does not learn any more; restart its schedule")


_MODES = {
    "extend": "continuing schedules from previous run",
    "constant": "holding the values that were reached",
    "restart": "starting schedules anew with the present parameters",
}


def _effect(key: str) -> str:
    """What a changed key means for what the checkpoint holds, as far as it is more than itself."""
    if key == "train.seed":
        return "; random streams start anew"
    if key.startswith("env.") and not key.startswith("env.shaping_"):
        return "; worlds start fresh"
    if key in ("ray.num_env_runners", "ray.num_envs_per_env_runner"):
        return "; worlds that do not fit start fresh"
    return ""


def _number(value: Any) -> str:
    number = metadata.as_float(value)
    return "unknown" if math.isnan(number) else f"{number:.2f}"


def _count(value: Any) -> str:
    number = metadata.as_count(value)
    return "unknown" if number is None else f"{number:,}"
