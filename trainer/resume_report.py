"""What would be resumed, for the user to read before it happens."""

from __future__ import annotations

import math
from typing import Any

from trainer.checkpoints import metadata
from trainer.checkpoints.manager import CheckpointManager
from trainer.config_base import ConfigError
from trainer.project import shown_path
from trainer.run_plan import RunPlan, config_changes


def print_report(plan: RunPlan) -> None:
    """Iteration, date, rewards and configuration differences of a planned resume."""
    assert plan.restore_path is not None
    values = plan.metadata
    lines = {
        "checkpoint": shown_path(plan.restore_path),
        "iteration": f"{plan.first_iteration}, to go on to {plan.until}",
        "saved": str(values.get("timestamp", "unknown")).replace("T", " "),
        "reward mean": _number(values.get("reward_mean")),
        "seeker reward": _number(values.get("seeker_reward")),
        "hider reward": _number(values.get("hider_reward")),
        "episodes": _count(values.get("episodes_completed")),
        "agent steps": _count(values.get("agent_steps")),
        "new ones go to": plan.config.ppo.checkpoint_dir,
    }
    newer = [
        str(found["iteration"])
        for found in CheckpointManager(plan.config.ppo.checkpoint_dir).list_checkpoints()
        if found["iteration"] > plan.first_iteration
    ]
    if newer:
        lines["moved aside"] = f"{', '.join(newer)} (newer; into a branch_after_... folder)"
    for key, text in lines.items():
        print(f"  {key:<15} {text}")
    print_changes(plan)


def print_changes(plan: RunPlan) -> None:
    """Say which settings differ from those the checkpoint was written under."""
    assert plan.restore_path is not None
    try:
        changes = config_changes(plan.restore_path, plan.config)
    except ConfigError as error:
        print(f"configuration: the checkpoint's cannot be compared: {error}")
        return
    if not changes:
        print("configuration: as in the checkpoint")
        return
    print("configuration (checkpoint -> now):")
    width = max(map(len, changes))
    for key, (old, new) in changes.items():
        print(f"  {key:<{width}}  {old} -> {new}")


def _number(value: Any) -> str:
    number = metadata.as_float(value)
    return "unknown" if math.isnan(number) else f"{number:.2f}"


def _count(value: Any) -> str:
    number = metadata.as_count(value)
    return "unknown" if number is None else f"{number:,}"
