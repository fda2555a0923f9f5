"""Identity of a run: name, origin, versions."""

from __future__ import annotations

import functools
import itertools
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trainer.checkpoints import manifest, metadata
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.config_file import ConfigFile
from trainer.config.schema import Config
from trainer.project import NAME, PROJECT_ROOT, VERSION, is_checkout
from trainer.reporting.history.record import HistoryRecord
from trainer.run.saved_run import SavedRun


@dataclass(frozen=True)
class RunOrigin:
    """What a run starts from; nothing for a fresh one.

    Attributes:
        saved: the run to resume.
        warmstart: for a new run, the checkpoint folder whose network a policy starts with.
        mlflow_run_id: the MLflow run to continue; None: the checkpoint's, or a new one.
        config_file: the configuration file, to be recorded; by default that there is none.
        carry_schedules: whether schedules that only the checkpoint has are continued.
        damaged: newer checkpoints that could not be resumed; they are set aside.
    """

    saved: SavedRun | None = None
    warmstart: Mapping[str, Path] = field(default_factory=dict)
    mlflow_run_id: str | None = None
    config_file: ConfigFile = ConfigFile(named=True)  # noqa: RUF009 - immutable
    carry_schedules: bool = True
    damaged: tuple[Path, ...] = ()

    @property
    def restore_path(self) -> Path | None:
        """The checkpoint to resume."""
        return None if self.saved is None else self.saved.path

    @property
    def history_record(self) -> HistoryRecord | None:
        """The record of the history up to the checkpoint to resume; None: there is none."""
        return None if self.saved is None else self.saved.history_record

    @property
    def sources(self) -> list[Path]:
        """Every checkpoint that the run builds on."""
        found = [self.restore_path] if self.restore_path is not None else []
        return [*found, *dict.fromkeys(self.warmstart.values())]


@dataclass
class RunIdentity:
    """What the metadata of every checkpoint says of its run.

    Attributes:
        name: of the run, for people; its curves are found under it.
        parent: where the run comes from (mode, path, iteration, hash); None for a fresh one.
        mlflow_run_id: its run in the MLflow store, if it has one.
        segment: shared by the checkpoints that one process saves, also after they are moved.
    """

    name: str
    parent: dict[str, Any] | None
    mlflow_run_id: str | None
    segment: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def of(cls, config: Config, manager: CheckpointManager, origin: RunOrigin) -> RunIdentity:
        """The identity of a run that saves with `manager`.

        In its own folder a resumed run keeps its name, unless it is given another one; under a
        new name, or elsewhere, it is another run, whose curves must not replace those of the first.
        """
        saved: Mapping[str, Any] = {}
        if origin.saved is not None and origin.saved.path.parent == manager.directory:
            saved = origin.saved.metadata
        tracked, parent = origin.mlflow_run_id, _parent(manager, origin)
        name = _saved_name(saved.get("run_name"), config.tracking.run_name)
        if name is not None:
            return cls(name, parent, tracked or _text(saved.get("mlflow_run_id")))
        renamed = _text(saved.get("run_name")) is not None
        return cls(_new_name(config), parent, None if renamed else tracked)

    def metadata(self) -> dict[str, Any]:
        return {
            "run_name": self.name,
            "mlflow_run_id": self.mlflow_run_id,
            "segment": self.segment,
            "versions": _versions(),
            "git_commit": _git_commit(),
            "parent": self.parent,
        }


def _parent(manager: CheckpointManager, origin: RunOrigin) -> dict[str, Any] | None:
    """Where this run comes from; a hash is that of the manifest, and so covers every file."""

    def source(path: Path, iteration: Any, digest: str) -> dict[str, Any]:
        return {"path": manager.address(path), "iteration": iteration, "sha256": digest}

    if (saved := origin.saved) is not None:
        return {"mode": "resume", **source(saved.path, saved.iteration, saved.digest)}
    if origin.warmstart:
        policies = {
            policy_id: source(path, metadata.read(path).get("iteration"), manifest.digest(path))
            for policy_id, path in origin.warmstart.items()
        }
        return {"mode": "warmstart", "policies": policies}
    return None


def _saved_name(saved: Any, wanted: str | None) -> str | None:
    """The name the checkpoint was saved under, if its curves are continued under it."""
    name = _text(saved)
    if not name or "/" in name or name.startswith("."):
        return None
    numbered = wanted is not None and re.fullmatch(re.escape(wanted) + r"_\d+", name)
    return name if wanted in (None, name) or numbered else None


def _new_name(config: Config) -> str:
    """A name under which there are no curves yet."""
    tracking = config.tracking
    if tracking.run_name is None:
        return f"{datetime.now():%Y%m%d-%H%M%S}_{config.played.label}_seed{config.train.seed}"
    folder = Path(tracking.tensorboard_dir or os.devnull).expanduser()
    numbers = itertools.count(2)
    name = tracking.run_name
    while (folder / name).exists():
        name = f"{tracking.run_name}_{next(numbers)}"
    return name


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


@functools.cache
def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("ray", "torch", "numpy", "numba")}
    return {"python": sys.version.split()[0], **packages, NAME: VERSION}


@functools.cache
def _git_commit() -> str | None:
    if not is_checkout():  # what lies around an installed package is another repository
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
