"""What would be resumed, for the user to read before it happens."""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from typing import Any

import yaml

from envs.hide_and_seek.config import REWARD_SETTINGS
from trainer.checkpoints import metadata
from trainer.checkpoints.safe_io.redaction import without_credentials
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.commands.train.checkpoint_folder import open_folder
from trainer.commands.train.plan import RunPlan
from trainer.config.changes import config_changes, refused_teams
from trainer.config.loading import override_path
from trainer.config.merge import Merge
from trainer.config.paths import values_by_path
from trainer.config.run_length import PLAN_KEY
from trainer.config.types import TEAMS
from trainer.project import script_command


def print_start(plan: RunPlan) -> None:
    """What is restored, what gives way to it, and from when on."""
    assert plan.restore_path is not None
    print(f"RESTORING from checkpoint: {plan.shown(plan.restore_path)}")
    newer = newer_iterations(plan)
    if newer:
        print(
            f"  iterations {', '.join(newer)} are newer: they move into a branch_after_... folder "
            "after the first iteration"
        )


def print_report(plan: RunPlan) -> None:
    """Iteration, date and rewards of a planned resume."""
    assert plan.restore_path is not None
    values, manager = plan.metadata, open_folder(plan.config.ppo.checkpoint_dir)
    lines = {
        "iteration": f"{plan.first_iteration}, to go on to {plan.until}",
        "saved": shown(str(values.get("timestamp", "unknown")).replace("T", " ")),
        "reward mean": _number(metadata.number(values, "reward_mean")),
        "seeker reward": _number(metadata.number(values, "seeker_reward")),
        "hider reward": _number(metadata.number(values, "hider_reward")),
        "episodes": _count(values.get("episodes_completed")),
        "agent steps": _count(values.get("agent_steps")),
        "new ones go to": manager.shown,
    }
    for key, text in lines.items():
        print(f"  {key:<15} {text}")


def newer_iterations(plan: RunPlan) -> list[str]:
    """The checkpoints of its folder that a resume sets aside."""
    manager = open_folder(plan.config.ppo.checkpoint_dir)
    found = (int(info["iteration"]) for info in manager.list_checkpoints())
    return [str(iteration) for iteration in found if iteration > plan.first_iteration]


def print_changes(plan: RunPlan) -> bool:
    """Say per setting whether it is carried over, changed or refused; True if one is refused."""
    assert plan.configured is not None
    merge, saved = plan.configured.merge, plan.configured.saved
    if plan.configured.note:
        print(f"configuration: {plan.configured.note}")
    if plan.configured.which_file:
        print(plan.configured.which_file)
    if saved is None:
        return False
    changes = config_changes(saved, plan.config, carried=plan.origin.carry_schedules)
    carried = len(values_by_path(plan.config.to_dict())) - len(changes)
    if not changes:
        print(f"configuration: as in the checkpoint, all {carried} keys carried over")
    else:
        print("configuration (checkpoint -> now):")
        width = max(len(change.key) for change in changes)
        for change in changes:
            verdict = "REFUSED: another network" if change.refused else "changed"
            reason = "" if merge is None else merge.reasons.get(change.key, "")
            if change.key == PLAN_KEY and change.new == plan.until:
                reason = "the run is to be so long now"
            told = ", ".join(filter(None, (verdict, reason))) + _effect(change.key)
            values = f"{_value(change.old)} -> {_value(change.new)}"
            print(f"  {change.key:<{width}}  {values}  {told}")
        print(f"  {'the other keys':<{width}}  {carried} carried over")
    if merge is not None:
        changed = {change.key for change in changes}
        _print_kept(merge, changed, plan.origin.config_file.name)
    return any(change.refused for change in changes)


def print_ways_on(plan: RunPlan, args: argparse.Namespace) -> None:
    """After a refusal: how to keep the checkpoint's networks, and how to begin with new ones.

    `args` are the options of the command, of `add_run_arguments`.
    """
    assert plan.restore_path is not None
    assert plan.configured is not None
    saved, path = plan.configured.saved, plan.shown(plan.restore_path)
    assert saved is not None
    changes = config_changes(saved, plan.config, carried=True)
    refused = {change.key: change.old for change in changes if change.refused}
    own = [item for item in args.overrides if ".".join(override_path(item)) not in refused]
    back = [f"{key}={json.dumps(old)}" for key, old in refused.items() if not _is_given(key, args)]
    lost = refused_teams(saved, plan.config)
    begin, new = ["--fresh"], list(args.overrides)
    if len(lost) < len(TEAMS):
        begin = ["--warmstart", path]
        new += [f"initialization.warmstart.{team}=fresh" for team in lost]
    file = ["--config", args.config] if args.config is not None else []
    given = [word for item in [*own, *back] for word in ("--set", without_credentials(item))]
    anew = [word for item in new for word in ("--set", without_credentials(item))]
    folder = ["--checkpoint-dir", "./checkpoints_2"]
    print(
        "error: these weights cannot go on in another network; nothing was changed\n"
        f"Keep the network:     {script_command('continue_training.py', [path, *file, *given])}\n"
        f"Or begin a new run:   {script_command('main.py', [*begin, *file, *anew, *folder])}",
        file=sys.stderr,
    )


def _is_given(key: str, args: argparse.Namespace) -> bool:
    return any(".".join(override_path(item)) == key for item in args.overrides)


def _print_kept(merge: Merge, changed: set[str], file: str) -> None:
    """Where the run keeps its own value although its file says otherwise."""
    saved = values_by_path(merge.saved.to_dict())
    own = {".".join(path): value for path, value in saved.items()}
    kept = {key: value for key, value in merge.kept.items() if key not in changed}
    texts = [f"{key} {_value(own.get(key))} ({_value(value)})" for key, value in kept.items()]
    if not texts:
        return
    print(f"the run's own values, where {file} has others (in brackets):")
    print(textwrap.fill(", ".join(texts), 98, initial_indent="  ", subsequent_indent="  "))


def _effect(key: str) -> str:
    """What a changed key means for what the checkpoint holds, as far as it is more than itself."""
    if key == "train.seed":
        return "; random streams start anew"
    if key.startswith("env.") and key.removeprefix("env.") not in REWARD_SETTINGS:
        return "; worlds start fresh"
    if key in ("ray.num_env_runners", "ray.num_envs_per_env_runner"):
        return "; worlds that do not fit start fresh"
    return ""


def _value(value: Any) -> str:
    """A value of the configuration, as YAML has it in one line."""
    if value is None or isinstance(value, str | int | float):
        return shown("null" if value is None else value)
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return shown(text.strip())


def _number(value: Any) -> str:
    number = metadata.as_float(value)
    return "unknown" if math.isnan(number) else f"{number:.2f}"


def _count(value: Any) -> str:
    number = metadata.as_count(value)
    return "unknown" if number is None else f"{number:,}"
