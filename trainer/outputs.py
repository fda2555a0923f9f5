"""All that a run writes: history, TensorBoard, checkpoints with their plot and metrics export."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import yaml

from trainer.checkpoints import layout, manifest, metadata
from trainer.checkpoints.manager import CheckpointManager
from trainer.config import Config
from trainer.config_base import TEAMS
from trainer.console import Console
from trainer.history import HISTORY_NAME, MetricsHistory
from trainer.metrics import Row
from trainer.networks import save_policy
from trainer.plots import TrainingFigure
from trainer.project import PROJECT_ROOT
from trainer.restore import training_state
from trainer.tensorboard import TensorBoardWriter
from trainer.training_state import TRAINING_STATE

if TYPE_CHECKING:
    from trainer.algorithm import HideAndSeekPPO
    from trainer.mlflow_tracking import MlflowTracker

_METADATA_KEYS = (
    "reward_mean",
    "seeker_reward",
    "hider_reward",
    "episode_len_mean",
    "episodes_completed",
    "env_steps",
    "agent_steps",
)


class RunOutputs:
    """The files of one run. Opening it prepares the folder for going on from a checkpoint.

    Attributes:
        last_checkpoint: the newest checkpoint of this run, at first the one it was resumed from.
        saved_iteration: its iteration, 0 if there is none.
    """

    def __init__(
        self,
        trainer: HideAndSeekPPO,
        config: Config,
        manager: CheckpointManager,
        console: Console,
        restore_path: Path | None,
        warmstart: Mapping[str, Path] | None = None,
        mlflow_run_id: str | None = None,
    ) -> None:
        self.trainer, self.config, self.manager, self.console = trainer, config, manager, console
        self.parent = restore_path
        # All that this process saves belongs together, whatever is later moved or continued.
        self.segment = uuid.uuid4().hex
        self.origin = _origin(restore_path, warmstart or {})
        self.last_checkpoint = restore_path
        self.saved_iteration = trainer.progress.iteration
        # In its own folder a run goes on under its name; a continuation elsewhere is another run,
        # whose curves must not replace those of the first.
        same_run = restore_path is not None and restore_path.parent == manager.directory
        self.run_name = _run_name(config, restore_path if same_run else None)
        self.mlflow_run_id = mlflow_run_id or _mlflow_run_id(restore_path if same_run else None)
        self.stopped = False
        self._save_seconds = 0.0
        self._lap_started = time.perf_counter()

    def __enter__(self) -> RunOutputs:
        directory, iteration = self.manager.directory, self.trainer.progress.iteration
        branch = self.manager.set_aside_newer(iteration)
        if branch is not None:
            self.console.message(
                f"going on from iteration {iteration}: newer files moved to {branch}"
            )
        self.history = _open_history(directory, iteration, self.parent)
        if self.history.repaired:
            self.console.message(self.history.repaired, "warning")
        self.tensorboard = None
        if self.config.tracking.tensorboard_dir is not None:
            folder = Path(self.config.tracking.tensorboard_dir).expanduser() / self.run_name
            resumed = self.trainer.progress.env_steps if self.parent is not None else None
            self.tensorboard = TensorBoardWriter(folder, resume_env_steps=resumed)
        teams = {name: self.config.ppo.team(name) for name in TEAMS}
        targets = {name: t.kl_target for name, t in teams.items() if t.kl_coeff > 0}
        self.figure = TrainingFigure(self.run_name, targets)
        self.mlflow = self._open_mlflow() if self.config.tracking.mlflow else None
        self._lap_started = time.perf_counter()
        return self

    def _open_mlflow(self) -> MlflowTracker:
        from trainer.mlflow_tracking import MlflowTracker

        tracking = self.config.tracking
        tracker = MlflowTracker(
            tracking.mlflow_uri,
            tracking.mlflow_experiment,
            self.run_name,
            self.mlflow_run_id,
            iteration=self.trainer.progress.iteration,
            on_problem=lambda message: self.console.message(message, "warning"),
        )
        self.mlflow_run_id = tracker.run_id
        tracker.log_params(self.config.to_dict())
        tracker.log_schedules(self._schedule_metadata())
        return tracker

    def _schedule_metadata(self) -> dict[str, Any]:
        per_iteration = self.config.ppo.rollout_length * self.config.ray.num_envs
        return self.trainer.schedules.metadata(self.trainer.progress.env_steps, per_iteration)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.history.close()
        if self.tensorboard is not None:
            self.tensorboard.close()
        if self.mlflow is not None:
            cut_short = self.stopped or isinstance(error, KeyboardInterrupt)
            self.mlflow.finish("KILLED" if cut_short else "FAILED" if error else "FINISHED")

    def info(self) -> dict[str, object]:
        """What the console shows when the run starts."""
        config, env = self.config, self.config.env.resolved()
        ppo, ray = config.ppo, config.ray
        where = "this process"
        if not ray.is_local:
            where = f"{ray.num_env_runners} env runners, {ray.num_learners} learners"
        info: dict[str, object] = {
            "run": self.run_name,
            "game": f"{env.level}, {env.num_seekers} seeking against {env.num_hiders} hiding",
            "sampling": f"{ray.num_envs} worlds x {ppo.rollout_length} steps in {where}",
            "checkpoints": f"{ppo.checkpoint_dir}, every {ppo.checkpoint_freq} iterations",
        }
        if self.tensorboard is not None:
            info["tensorboard"] = f"tensorboard --logdir {config.tracking.tensorboard_dir}"
        if self.mlflow is not None:
            info["mlflow"] = f"run {self.mlflow_run_id} in {config.tracking.mlflow_uri}"
        if self.parent is not None:
            info["resumed from"] = self.parent
        if self.trainer.restore_notes:
            info["restored"] = "; ".join(self.trainer.restore_notes)
        return info

    def lap(self) -> tuple[float, float]:
        """Seconds since the last call, and how many of them went into saving."""
        now = time.perf_counter()
        lap, saving = now - self._lap_started, self._save_seconds
        self._lap_started, self._save_seconds = now, 0.0
        return lap, saving

    def write(self, row: Row) -> None:
        """One finished iteration to history, TensorBoard and console."""
        self.history.append(row)
        if self.tensorboard is not None:
            self.tensorboard.write(row)
        if self.mlflow is not None:
            self.mlflow.log_row(row)
        self.console.iteration(row)

    def save(self, row: Row, *, final: bool) -> None:
        """Commit a checkpoint, then its plot and metrics export."""
        started = time.perf_counter()
        iteration = int(row["iteration"])
        trainer = self.trainer
        path = self.manager.save(
            trainer,
            iteration=iteration,
            metadata=self._metadata(row),
            writers={
                layout.POLICIES: self._write_policies,
                TRAINING_STATE: training_state(trainer, trainer.progress).write,
                layout.CONFIG: self._write_config,
            },
            tags=("final",) if final else (),
        )
        self.last_checkpoint, self.saved_iteration = path, iteration
        if self.mlflow is not None:
            known = {"iteration": iteration, "sha256": manifest.digest(path)}
            self.mlflow.log_checkpoint(path, known | self._schedule_metadata())
        self.history.export(self.manager.directory / layout.history_name(iteration))
        self.figure.save(
            self.history.columns(), self.manager.directory / layout.plot_name(iteration)
        )
        self._save_seconds += time.perf_counter() - started
        self.console.checkpoint(path, row)

    def _write_policies(self, folder: Path) -> None:
        for policy_id, network in self.trainer.networks().items():
            save_policy(network, folder / policy_id)

    def _write_config(self, path: Path) -> None:
        text = yaml.safe_dump(self.config.to_dict(), sort_keys=False, allow_unicode=True)
        path.write_text(text, encoding="utf-8")

    def _metadata(self, row: Row) -> dict[str, Any]:
        return {
            **{key: row[key] for key in _METADATA_KEYS},
            "seed": self.config.train.seed,
            "run_name": self.run_name,
            "mlflow_run_id": self.mlflow_run_id,
            "segment": self.segment,
            "versions": _versions(),
            "git_commit": _git_commit(),
            "parent": self.origin,
        }


def _origin(restore_path: Path | None, warmstart: Mapping[str, Path]) -> dict[str, Any] | None:
    """Where this run comes from, for the metadata; None for a fresh one.

    The hash is that of the source's manifest, and so covers every file of it.
    """

    def source(path: Path) -> dict[str, Any]:
        iteration = metadata.read(path).get("iteration")
        return {"path": str(path), "iteration": iteration, "sha256": manifest.digest(path)}

    if restore_path is not None:
        return {"mode": "resume", **source(restore_path)}
    if warmstart:
        policies = {policy_id: source(path) for policy_id, path in warmstart.items()}
        return {"mode": "warmstart", "policies": policies}
    return None


def _run_name(config: Config, restore_path: Path | None) -> str:
    """The name the checkpoint was saved under, so that its curves go on; else a new one."""
    if restore_path is not None:
        name = metadata.read(restore_path).get("run_name")
        if isinstance(name, str) and name and "/" not in name and not name.startswith("."):
            return name
    return f"{datetime.now():%Y%m%d-%H%M%S}_{config.env.level}_seed{config.train.seed}"


def _mlflow_run_id(restore_path: Path | None) -> str | None:
    """The MLflow run that a checkpoint belongs to."""
    run_id = None if restore_path is None else metadata.read(restore_path).get("mlflow_run_id")
    return run_id if isinstance(run_id, str) else None


def _open_history(directory: Path, iteration: int, parent: Path | None) -> MetricsHistory:
    """The history up to `iteration`; in a new folder, from the checkpoint's export."""
    path = directory / HISTORY_NAME
    if not path.exists() and parent is not None:
        export = parent.parent / layout.history_name(iteration)
        if export.is_file():
            return MetricsHistory.from_export(export, path)
    history = MetricsHistory(path)
    history.truncate_after(iteration)
    return history


@functools.cache
def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("ray", "torch", "numpy", "numba")}
    return {"python": sys.version.split()[0], **packages}


@functools.cache
def _git_commit() -> str | None:
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
