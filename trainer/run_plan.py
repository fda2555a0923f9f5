"""From the command line to what a run will do: how it starts, where, and how far it goes.

Imports neither Ray nor torch, so that a mistake is reported at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout, manifest, metadata
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.config import Config
from trainer.config_file import apply_overrides, load_config
from trainer.configured_schedules import check_course, continued_schedules, run_schedules
from trainer.errors import UsageError
from trainer.initialization import ResumeBlock
from trainer.project import find_config, script_command, shown_path
from trainer.run_arguments import overrides_of
from trainer.run_folder import check_writable, find, open_folder, refuse_occupied
from trainer.run_schedules import RunSchedules
from trainer.schedule_continuation import Continuation
from trainer.training_state import STATE_FILE, TRAINING_STATE, read_values

RESTORE_VARIABLE = "RESTORE_CHECKPOINT"


@dataclass(frozen=True)
class RunPlan:
    """A run, decided but not started.

    Attributes:
        config: resolved, with the checkpoint folder it will really use.
        restore_path: the checkpoint to go on from, None for a new run.
        warmstart: for a new run, the checkpoint whose network a policy starts with.
        metadata: metadata of `restore_path`.
        until: the iteration to train up to.
        flags: the command-line flags that a later resume has to repeat.
        mlflow_run_id: the MLflow run to go on with; None: the checkpoint's, or a new one.
    """

    config: Config
    restore_path: Path | None
    warmstart: dict[str, Path]
    metadata: dict[str, Any]
    until: int
    flags: tuple[str, ...]
    mlflow_run_id: str | None = None

    @property
    def first_iteration(self) -> int:
        return int(self.metadata.get("iteration", 0))

    def shown(self, checkpoint: Path) -> str:
        """A checkpoint of the run, or the one it begins with, as a user would type it."""
        return shown_path(open_folder(self.config.ppo.checkpoint_dir).address(checkpoint))

    def next_commands(self, iteration: int, checkpoint: Path) -> list[str]:
        """What to type after the run ended at `iteration` with `checkpoint`."""
        path = self.shown(checkpoint)
        folder = path.rpartition("/")[0]
        unfinished = iteration < self.until
        further = ["--until", str(self.until)] if unfinished else ["--iterations", "100"]
        return [
            script_command("continue_training.py", [path, *further, *self.flags]),
            script_command("demo_model.py", ["--checkpoint", path]),
            script_command("list_checkpoints.py", [folder]),
        ]


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
    config = read_config(args)
    home = config.ppo.checkpoint_dir
    if args.checkpoint_dir is not None:
        config = with_checkpoint_dir(config, args.checkpoint_dir)
    if start == Start():
        start = _configured_start(config)
    if start.mlflow_run_id is not None:
        config, start = _tracked_start(config, start.mlflow_run_id)
    if start.resume is not None:
        return _resume_plan(config, args, start)
    if start.warmstart is not None:
        block = config.initialization.warmstart.model_copy(update={"checkpoint": start.warmstart})
        initialization = config.initialization.model_copy(update={"warmstart": block})
        config = config.model_copy(update={"initialization": initialization})
    sources = {} if start.fresh else config.initialization.warmstart.sources()
    warmstart = {
        # Selectors mean the folder of the configuration, not the new one of --checkpoint-dir.
        f"{team}_policy": find(selector, home, start.source).path
        for team, selector in sources.items()
    }
    refuse_occupied(config.ppo.checkpoint_dir)
    check_writable(config.ppo.checkpoint_dir)
    until = args.until or args.iterations or config.ppo.num_iterations
    check_course(config, run_schedules(config, until), until)
    return RunPlan(config, None, warmstart, {}, until, _flags(args))


def _resume_plan(config: Config, args: argparse.Namespace, start: Start) -> RunPlan:
    assert start.resume is not None
    place = config.ppo.checkpoint_dir
    found = find(start.resume, place, start.source, whole=True)
    if found.place != place:
        if args.checkpoint_dir is None:
            # A run goes on where it lives.
            config = with_checkpoint_dir(config, found.place)
        else:
            refuse_occupied(place)
    check_writable(config.ppo.checkpoint_dir)
    path = found.path
    saved = read_metadata(path)
    until = _until(args, config, int(saved["iteration"]), path)
    with contextlib.suppress(StateUnreadable):  # restoring it will say what is wrong
        schedules, _ = planned_schedules(config, until, path, int(saved["iteration"]))
        check_course(config, schedules, until)
    flags = _flags(args)
    if start.mlflow_run_id is not None:
        flags += ("--set", "tracking.mlflow=true")
    return RunPlan(config, path, {}, saved, until, flags, start.mlflow_run_id)


class StateUnreadable(ValueError):  # noqa: N818
    """What a checkpoint says of its schedules makes no sense."""


def planned_schedules(
    config: Config, until: int, path: Path, iteration: int
) -> tuple[RunSchedules, Continuation]:
    """How a resume would go on with the schedules of the checkpoint at `path`.

    Raises:
        StateUnreadable: naming the file.
    """
    try:
        state = read_values(path / TRAINING_STATE).get("schedules")
        return continued_schedules(config, until, state, iteration)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        file = path / TRAINING_STATE / STATE_FILE
        raise StateUnreadable(f"{file} cannot be read: {error}") from None


def _tracked_start(config: Config, run_id: str) -> tuple[Config, Start]:
    """The last checkpoint of an MLflow run, with tracking on."""
    from trainer.mlflow_tracking import find_run

    run = find_run(config.tracking.mlflow_uri, run_id)
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
    tracking = config.tracking.model_copy(update={"mlflow": True})
    start = Start(resume=str(path), source="--continue-run-id", mlflow_run_id=run_id)
    return config.model_copy(update={"tracking": tracking}), start


def read_config(args: argparse.Namespace) -> Config:
    """The configuration file with what the command sets over it."""
    overrides = overrides_of(args)
    if args.config is not None:
        return load_config(args.config, overrides)
    path = find_config()
    if path is None:
        return apply_overrides({}, overrides, source="defaults")
    return load_config(path, overrides)


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


def with_checkpoint_dir(config: Config, directory: str) -> Config:
    ppo = config.ppo.model_copy(update={"checkpoint_dir": directory})
    return config.model_copy(update={"ppo": ppo})


def _configured_start(config: Config) -> Start:
    named = os.environ.get(RESTORE_VARIABLE, "").strip()
    if named:
        return Start(resume=named, source=RESTORE_VARIABLE)
    initialization = config.initialization
    if initialization.mode == "resume":
        checkpoint = initialization.resume.checkpoint
        return Start(resume=checkpoint, source="initialization.resume.checkpoint")
    return Start(fresh=initialization.mode == "fresh", source="initialization.warmstart")


def _until(args: argparse.Namespace, config: Config, done: int, path: Path) -> int:
    block = config.initialization.resume
    if config.initialization.mode != "resume" or args.iterations or args.until:
        block = ResumeBlock()
    additional = args.iterations or block.additional
    until: int = args.until or block.target_total or config.ppo.num_iterations
    if additional is not None:
        until = done + additional
    if until <= done:
        wanted = f"--until {until}" if args.until else f"ppo.num_iterations = {until}"
        raise UsageError(
            f"{path.name} is at iteration {done} already, and {wanted} asks for no more; "
            f"add --iterations N to train N more"
        )
    return until


def _flags(args: argparse.Namespace) -> tuple[str, ...]:
    flags: list[str] = []
    if args.config is not None:
        flags += ["--config", args.config]
    for item in args.overrides:
        flags += ["--set", item]
    if args.seed is not None:
        flags += ["--seed", str(args.seed)]
    return tuple(flags)
