"""How a run is asked to start: by the command line, the environment or the configuration."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace

from trainer.checkpoints import manifest
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.commands.train.configuration import Given
from trainer.config.schema import ConfigGroups
from trainer.shown_commands import RESTORE_VARIABLE

RESUME_KEY = "initialization.resume.checkpoint"
UNTYPED = (RESTORE_VARIABLE, RESUME_KEY)
"""What can name the checkpoint to resume although the command line does not."""
AUTO = "auto"
"""The selector of what was saved last, if anything was: see `trainer.commands.train.auto`."""


@dataclass(frozen=True)
class Start:
    """How a run is asked to start; by default nothing is asked.

    Attributes:
        resume: selector of the checkpoint to resume.
        warmstart: selector of the checkpoint whose networks a new run starts with.
        fresh: new networks.
        source: where the selector comes from, for messages.
        mlflow_run_id: resume the last checkpoint of this MLflow run, under the same run.
        auto: whether `auto` has chosen it: the command may be given again, and its length is that
            of the whole run.
        note: a line on what was chosen; empty: nothing was.
    """

    resume: str | None = None
    warmstart: str | None = None
    fresh: bool = False
    source: str = "command line"
    mlflow_run_id: str | None = None
    auto: bool = False
    note: str = ""


def configured_start(config: ConfigGroups) -> Start:
    """The start that the environment asks for, or else the configuration."""
    named = os.environ.get(RESTORE_VARIABLE, "").strip()
    if named:
        return Start(resume=named, source=RESTORE_VARIABLE)
    return file_start(config)


def file_start(config: ConfigGroups) -> Start:
    """The start that the configuration asks for."""
    initialization = config.initialization
    if initialization.mode == "resume":
        checkpoint = initialization.resume.checkpoint
        return Start(resume=checkpoint, source=RESUME_KEY)
    return Start(fresh=initialization.mode == "fresh", source="initialization.warmstart")


def tracked_start(asked: Given, groups: ConfigGroups, run_id: str) -> tuple[Given, Start]:
    """The last checkpoint of an MLflow run, with tracking on in the same store.

    Raises:
        NoUsableCheckpoint: it has none, or another one is in its place.
    """
    from trainer.reporting.mlflow_tracking import find_run

    uri = groups.tracking.mlflow_uri
    run = find_run(uri, run_id)
    path = run.checkpoint_path
    if path is None or not path.is_dir():
        lost = "it has not saved any" if path is None else f"{path} is gone"
        raise NoUsableCheckpoint(
            f"--continue-run-id {run_id}: no checkpoint to resume, {lost}; "
            "if it was moved, name it: python main.py PATH --set tracking.mlflow=true"
        )
    if run.checkpoint_sha256 not in (None, manifest.digest(path)):
        raise NoUsableCheckpoint(
            f"--continue-run-id {run_id}: {path} is not the checkpoint that the run has saved "
            "(its manifest differs)"
        )
    start = Start(resume=str(path), source="--continue-run-id", mlflow_run_id=run_id)
    tracking = ("tracking.mlflow=true", f"tracking.mlflow_uri={json.dumps(uri)}")
    return replace(asked, overrides=(*asked.overrides, *tracking)), start
