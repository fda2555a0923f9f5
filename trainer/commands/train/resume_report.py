"""The report on a planned resume, printed before it starts."""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

import yaml

from envs.hide_and_seek.config import REWARD_SETTINGS
from trainer.checkpoints import layout, metadata
from trainer.checkpoints.safe_io.redaction import without_credentials
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.commands.train.arguments import length_of
from trainer.commands.train.checkpoint_folder import another_place, open_folder
from trainer.commands.train.plan import RunPlan
from trainer.commands.train.schedule_report import print_schedules
from trainer.commands.train.start import UNTYPED
from trainer.config.changes import Change, config_changes, refused_teams
from trainer.config.loading import override_path
from trainer.config.merge import Merge
from trainer.config.paths import values_by_path
from trainer.config.run_length import PLAN_KEY
from trainer.config.schema import Config
from trainer.config.types import TEAMS
from trainer.shown_commands import script_command, shown_config, shown_path

_CURRICULUM = "env.curriculum"
_EVALUATED = ("score", *TEAMS)


def show_resume(plan: RunPlan, args: argparse.Namespace, *, in_full: bool = False) -> bool:
    """Prints what a planned resume means; False, with the alternatives, if it is refused.

    Args:
        plan: of the resume.
        args: the options of `add_run_arguments`.
        in_full: also print the metadata of the checkpoint.
    """
    print_start(plan)
    if in_full:
        print_report(plan)
    if print_changes(plan):
        sys.stdout.flush()
        print_alternatives(plan, args)
        return False
    print_schedules(plan)
    return True


def print_start(plan: RunPlan) -> None:
    """Prints which checkpoint is restored, and which newer ones are set aside, and when."""
    assert plan.restore_path is not None
    print(f"RESTORING from checkpoint: {plan.shown(plan.restore_path)}")
    if plan.source in UNTYPED:
        print(f"  as {plan.source} says")
    for path in plan.origin.damaged:
        print(
            f"  {path.name} is damaged: it becomes broken_{path.name}_... after the first iteration"
        )
    newer = newer_iterations(plan)
    if newer:
        which = f"iteration {newer[0]} is newer: it moves"
        if len(newer) > 1:
            which = f"iterations {', '.join(newer)} are newer: they move"
        print(f"  {which} into a branch_after_... folder after the first iteration")


def print_report(plan: RunPlan) -> None:
    """Prints iteration, date and rewards of the checkpoint."""
    assert plan.restore_path is not None
    values, manager = plan.metadata, open_folder(plan.config.ppo.checkpoint_dir)
    lines = {
        "iteration": f"{plan.first_iteration}, to continue to {plan.until}",
        "saved": shown(str(values.get("timestamp", "unknown")).replace("T", " ")),
        "reward mean": _number(metadata.number(values, "reward_mean")),
        "seeker reward": _number(metadata.number(values, "seeker_reward")),
        "hider reward": _number(metadata.number(values, "hider_reward")),
        "evaluation": _evaluation(values),
        "episodes": _count(values.get("episodes_completed")),
        "agent steps": _count(values.get("agent_steps")),
        "new ones go to": shown_path(manager.address(manager.directory)),
    }
    for key, text in lines.items():
        print(f"  {key:<15} {text}")


def _evaluation(values: Mapping[str, Any]) -> str:
    """What the checkpoint's policies reached, if they were evaluated."""
    found = {what: metadata.number(values, metadata.EVALUATION + what) for what in _EVALUATED}
    if any(map(math.isnan, found.values())):
        return "these policies were not evaluated"
    return ", ".join(f"{what} {number:.3f}" for what, number in found.items())


def newer_iterations(plan: RunPlan) -> list[str]:
    """The iterations of the newer checkpoints, which a resume sets aside; not of damaged ones."""
    manager = open_folder(plan.config.ppo.checkpoint_dir)
    broken = {layout.iteration_of(path.name) for path in plan.origin.damaged}
    found = (int(info["iteration"]) for info in manager.list_checkpoints())
    return [str(i) for i in found if i > plan.first_iteration and i not in broken]


def print_changes(plan: RunPlan) -> bool:
    """Prints the settings that are changed or refused; True if one is refused."""
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
                reason = "the length asked for now"
            note = ", ".join(filter(None, (verdict, reason))) + _effect(change)
            old, new = change.old, change.new
            if change.key == _CURRICULUM:
                old, new = _apart(old, new)
            values = f"{_value(old)} -> {_value(new)}"
            print(f"  {change.key:<{width}}  {values}  {note}")
        print(f"  {'the other keys':<{width}}  {carried} carried over")
    if merge is not None:
        changed = {change.key for change in changes}
        _print_kept(merge, saved, changed, plan.origin.config_file.name)
    return any(change.refused for change in changes)


def print_alternatives(plan: RunPlan, args: argparse.Namespace) -> None:
    """Prints, after a refusal, how to keep the checkpoint's networks or begin with new ones.

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
    origin = plan.origin.config_file  # a resume finds it again, a new run has to be told
    used = ["--config", shown_config(origin.path)] if origin.named and origin.path else []
    given = [word for item in [*own, *back] for word in ("--set", without_credentials(item))]
    anew = [word for item in new for word in ("--set", without_credentials(item))]
    length = length_of(args)
    folder = ["--checkpoint-dir", another_place(plan.config.ppo.checkpoint_dir)]
    keep = script_command("continue_training.py", [path, *file, *given, *length])
    fresh = script_command("main.py", [*begin, *(file or used), *anew, *length, *folder])
    print(
        "error: these weights do not fit another network; nothing was changed\n"
        f"Keep the network:     {keep}\n"
        f"Or begin a new run:   {fresh}",
        file=sys.stderr,
    )


def _is_given(key: str, args: argparse.Namespace) -> bool:
    return any(".".join(override_path(item)) == key for item in args.overrides)


def _print_kept(merge: Merge, saved: Config, changed: set[str], file: str) -> None:
    """Prints the values that the run keeps although its file has others."""
    own = {".".join(path): value for path, value in values_by_path(saved.to_dict()).items()}
    kept = {key: value for key, value in merge.kept.items() if key not in changed}
    texts = [f"{key} {_value(own.get(key))} ({_value(value)})" for key, value in kept.items()]
    if not texts:
        return
    print(f"the run's own values, where {file} has others (in brackets):")
    print(textwrap.fill(", ".join(texts), 98, initial_indent="  ", subsequent_indent="  "))


def _effect(change: Change) -> str:
    """What else a changed key changes: the random streams or the worlds."""
    key = change.key
    if key == "train.seed":
        return "; random streams start anew"
    if key == _CURRICULUM and _levels(change.old) == _levels(change.new):
        return ""
    if key.startswith("env.") and key.removeprefix("env.") not in REWARD_SETTINGS:
        return "; worlds start fresh"
    if key in ("ray.num_env_runners", "ray.num_envs_per_env_runner"):
        return "; worlds that do not fit start fresh"
    return ""


def _levels(curriculum: Mapping[str, Any] | None) -> Any:
    return None if curriculum is None else curriculum["levels"]


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    """Two values without what groups of them have in common."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return old, new
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    parts = {key: _apart(old.get(key), new.get(key)) for key in keys}
    return {key: part[0] for key, part in parts.items()}, {k: part[1] for k, part in parts.items()}


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
