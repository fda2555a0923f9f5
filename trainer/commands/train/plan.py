"""From the command line to what a run will do: how it starts, where, and how far it goes.

Imports neither Ray nor torch, so that a mistake is reported at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout, manifest, metadata
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.commands.train.arguments import flags_of
from trainer.commands.train.checkpoint_folder import (
    check_writable,
    find,
    open_folder,
    refuse_occupied,
)
from trainer.commands.train.configuration import Continued, Given, continued, given
from trainer.config.budget import Budget
from trainer.config.build_scheduler import (
    build_scheduler,
    check_game_schedules,
    resume_scheduler,
)
from trainer.config.loading import AnyConfig
from trainer.config.run_length import (
    Done,
    budget_of,
    describe,
    iterations_given,
    planned_iterations,
    resumed_length,
    with_iterations,
    with_plan,
    with_turns,
)
from trainer.config.schema import Config, ConfigGroups
from trainer.config.types import checked_place
from trainer.errors import UsageError
from trainer.project import shown_path
from trainer.run.identity import RunOrigin
from trainer.run.saved_state.training_state import STATE_FILE, read_values
from trainer.schedules.continuation import Continuation
from trainer.schedules.scheduler import Scheduler

RESTORE_VARIABLE = "RESTORE_CHECKPOINT"


@dataclass(frozen=True)
class RunPlan:
    """A run, decided but not started.

    Attributes:
        config: resolved, with the checkpoint folder it will really use.
        origin: the checkpoints it starts from.
        metadata: metadata of the checkpoint to resume.
        until: the iteration to train up to; with a budget the one that is expected to reach it.
        budget: what ends the run instead of `until`.
        configured: for a run that goes on, where its configuration comes from.
        turned_on: whether alternating training is new, because alternations were asked for.
        flags: what the command line says of the run's values.
    """

    config: Config
    origin: RunOrigin
    metadata: dict[str, Any]
    until: int
    budget: Budget | None = None
    configured: Continued | None = None
    turned_on: bool = False
    flags: tuple[str, ...] = ()

    @property
    def first_iteration(self) -> int:
        return int(self.metadata.get("iteration", 0))

    @property
    def restore_path(self) -> Path | None:
        """The checkpoint to resume; None for a new run."""
        return self.origin.restore_path

    def length(self) -> list[str]:
        """What a user should know of how long it takes, line by line."""
        return describe(self.config, self.budget, self.until, turned_on=self.turned_on)

    def shown(self, checkpoint: Path) -> str:
        """A checkpoint of the run, or the one it begins with, as a user would type it."""
        return shown_path(open_folder(self.config.ppo.checkpoint_dir).address(checkpoint))


@dataclass(frozen=True)
class Start:
    """How a run begins, as the command line asks for it; all None and False: nothing was said.

    Attributes:
        resume: selector of the checkpoint to go on from.
        warmstart: selector of the checkpoint whose networks a new run starts with.
        fresh: new networks.
        source: where the selector comes from, for messages.
        mlflow_run_id: go on from the last checkpoint of this MLflow run, under the same run.
    """

    resume: str | None = None
    warmstart: str | None = None
    fresh: bool = False
    source: str = "command line"
    mlflow_run_id: str | None = None


def plan_run(args: argparse.Namespace, start: Start) -> RunPlan:
    """Decide what a command means; `args` are the options of `add_run_arguments`.

    Raises:
        UsageError, ConfigError: exit code 2.
        NoUsableCheckpoint: exit code 3.
    """
    asked = given(args)
    groups = asked.groups()
    if args.checkpoint_dir is not None:
        groups = with_checkpoint_dir(groups, args.checkpoint_dir)
    if start == Start():
        start = _configured_start(groups)
    if start.mlflow_run_id is not None:
        asked, start = _tracked_start(asked, groups, start.mlflow_run_id)
    if start.resume is not None:
        return _resume_plan(asked, groups, start)
    return _new_plan(asked, start)


def _new_plan(asked: Given, start: Start) -> RunPlan:
    args, config = asked.args, asked.config()
    home = config.ppo.checkpoint_dir
    if args.checkpoint_dir is not None:
        config = with_checkpoint_dir(config, args.checkpoint_dir)
    config, turned_on = with_turns(config, args.alternations)
    iterations = iterations_given(args, config)
    if iterations is not None:  # so many are the whole run, and its schedules end there
        config = with_iterations(config, iterations)
    if start.warmstart is not None:
        block = config.initialization.warmstart.model_copy(update={"checkpoint": start.warmstart})
        initialization = config.initialization.model_copy(update={"warmstart": block})
        config = config.model_copy(update={"initialization": initialization})
    sources = {} if start.fresh else config.initialization.warmstart.sources()
    warmstart = {
        f"{team}_policy": _find_source(selector, home, config.ppo.checkpoint_dir, start.source)
        for team, selector in sources.items()
    }
    refuse_occupied(config.ppo.checkpoint_dir)
    check_writable(config.ppo.checkpoint_dir)
    until = args.until or planned_iterations(config)
    check_game_schedules(config, build_scheduler(config, until), until)
    budget = None if args.until else budget_of(config)
    return RunPlan(
        config=with_plan(config, until),
        origin=RunOrigin(warmstart=warmstart, config_file=asked.file),
        metadata={},
        until=until,
        budget=budget,
        turned_on=turned_on,
    )


def _find_source(selector: str, home: str, new: str, source: str) -> Path:
    """The checkpoint for a warm start: selectors mean the folder of the configuration, not the new
    one of --checkpoint-dir."""
    try:
        return find(selector, home, source).path
    except NoUsableCheckpoint as error:
        if home == new:
            raise
        raise NoUsableCheckpoint(
            f"{error}\nLooked for in {open_folder(home).shown} (ppo.checkpoint_dir): "
            f"--checkpoint-dir {open_folder(new).shown} is for the new run"
        ) from None


def _resume_plan(asked: Given, groups: ConfigGroups, start: Start) -> RunPlan:
    assert start.resume is not None
    args, place = asked.args, groups.ppo.checkpoint_dir
    best = groups.ppo.retention if asked.says("ppo.keep_best_") else None
    found = find(start.resume, place, start.source, whole=True, retention=best)
    if found.place != place and args.checkpoint_dir is not None:
        refuse_occupied(place)
    else:
        place = found.place  # a run goes on where it lives
    check_writable(place)
    path = found.path
    saved = read_metadata(path)
    configured = continued(asked, path)
    config = with_checkpoint_dir(configured.config, place)
    config = config.model_copy(update={"initialization": groups.initialization})
    config, turned_on = with_turns(config, args.alternations)
    until, budget = resumed_length(args, config, Done.of(saved), path.name)
    config = with_plan(config, until)
    origin = RunOrigin(
        restore_path=path,
        mlflow_run_id=start.mlflow_run_id,
        config_file=configured.file,
        carry_schedules=configured.merge is None,
        damaged=found.damaged,
    )
    plan = RunPlan(
        config=config,
        origin=origin,
        metadata=saved,
        until=until,
        budget=budget,
        configured=configured,
        turned_on=turned_on,
        flags=tuple(flags_of(args)),
    )
    with contextlib.suppress(StateUnreadable):  # restoring it will say what is wrong
        schedules, _ = planned_schedules(plan)
        check_game_schedules(config, schedules, until)
    return plan


class StateUnreadable(ValueError):  # noqa: N818
    """What a checkpoint says of its schedules makes no sense."""


def planned_schedules(plan: RunPlan) -> tuple[Scheduler, Continuation]:
    """How a planned resume goes on with the schedules of its checkpoint.

    Raises:
        StateUnreadable: naming the file.
    """
    assert plan.restore_path is not None
    folder = plan.restore_path / layout.TRAINING_STATE
    try:
        state = read_values(folder).get("schedules")
        return resume_scheduler(
            plan.config, plan.until, state, plan.first_iteration, carry=plan.origin.carry_schedules
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateUnreadable(f"{folder / STATE_FILE} cannot be read: {error}") from None


def _tracked_start(asked: Given, groups: ConfigGroups, run_id: str) -> tuple[Given, Start]:
    """The last checkpoint of an MLflow run, with tracking on."""
    from trainer.reporting.mlflow_tracking import find_run

    uri = groups.tracking.mlflow_uri
    run = find_run(uri, run_id)
    path = run.checkpoint_path
    if path is None or not path.is_dir():
        lost = "it has not saved any" if path is None else f"{path} is gone"
        raise NoUsableCheckpoint(
            f"--continue-run-id {run_id}: no checkpoint to go on from, {lost}; "
            "if it was moved, name it: python main.py PATH --set tracking.mlflow=true"
        )
    if run.checkpoint_sha256 not in (None, manifest.digest(path)):
        raise NoUsableCheckpoint(
            f"--continue-run-id {run_id}: {path} is not the checkpoint that the run has saved "
            "(its manifest differs)"
        )
    start = Start(resume=str(path), source="--continue-run-id", mlflow_run_id=run_id)
    # In this store the run goes on, whatever else the checkpoint says.
    tracking = ("tracking.mlflow=true", f"tracking.mlflow_uri={json.dumps(uri)}")
    return replace(asked, overrides=(*asked.overrides, *tracking)), start


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a checkpoint.

    Raises:
        NoUsableCheckpoint: there is none, or it is not readable.
    """
    file = path / layout.METADATA
    try:
        values = metadata.read(path)
        iteration = metadata.as_count(values.get("iteration"))
    except (OSError, ValueError) as error:
        raise NoUsableCheckpoint(f"{file}: not readable: {error}") from None
    if iteration is None:
        raise NoUsableCheckpoint(f"{file}: has no iteration")
    return values


def with_checkpoint_dir(config: AnyConfig, directory: str) -> AnyConfig:
    try:
        ppo = config.ppo.model_copy(update={"checkpoint_dir": checked_place(directory)})
    except ValueError as error:
        raise UsageError(f"--checkpoint-dir (ppo.checkpoint_dir): {error}") from None
    return config.model_copy(update={"ppo": ppo})


def _configured_start(config: ConfigGroups) -> Start:
    named = os.environ.get(RESTORE_VARIABLE, "").strip()
    if named:
        return Start(resume=named, source=RESTORE_VARIABLE)
    initialization = config.initialization
    if initialization.mode == "resume":
        checkpoint = initialization.resume.checkpoint
        return Start(resume=checkpoint, source="initialization.resume.checkpoint")
    return Start(fresh=initialization.mode == "fresh", source="initialization.warmstart")
