"""All that a run writes: history, TensorBoard, checkpoints with their plot and metrics export."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.checkpoints import index, layout, metadata, ranking
from trainer.checkpoints.errors import CheckpointWriteFailed
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.checkpoints.safe_io.safe_json import first_line
from trainer.checkpoints.staging import StagedCheckpoint
from trainer.config.schema import Config
from trainer.errors import UsageError
from trainer.ppo.networks import save_policy
from trainer.reporting.console.console import Console
from trainer.reporting.figure import TrainingFigure
from trainer.reporting.history.record import RECORD_PART, HistoryRecord
from trainer.reporting.metrics import Row
from trainer.run.checkpoint_saver import CheckpointSaver, Saved
from trainer.run.disk_space import disk_warning
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.metrics_row import Lap
from trainer.run.restore import training_state
from trainer.run.run_history import RunHistory
from trainer.run.run_info import start_info
from trainer.run.runner_notices import runner_notice
from trainer.run.tracking import Tracking

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO


class RunRecorder:
    """The files of one run.

    Nothing is written, moved or made before the first iteration is done: a run that is stopped
    while it loads has changed nothing. With its row the folder is prepared for going on from a
    checkpoint; from then on the run is its only writer, and what it comes from is not pruned.

    Attributes:
        last_checkpoint: the newest checkpoint of this run, at first the one it was resumed from.
        saved_iteration: its iteration, 0 if there is none.
    """

    def __init__(
        self,
        trainer: TeamPPO,
        config: Config,
        console: Console,
        origin: RunOrigin,
        on_saved: Callable[[Path], None] = lambda checkpoint: None,
    ) -> None:
        """`on_saved` is told of each checkpoint, by the thread that has committed it."""
        self._tell_saved = on_saved
        self.trainer, self.config, self.console, self.origin = trainer, config, console, origin
        self.manager = CheckpointManager(config.ppo.checkpoint_dir, retention=config.ppo.retention)
        self.last_checkpoint = origin.restore_path
        self._stopped = False
        self._row: Row | None = None
        self._missing_runners: tuple[int, ...] = ()
        self._ending = False
        self._is_open = False
        self._unannounced: list[Saved] = []
        self._closing = contextlib.ExitStack()
        self._lap_started = time.perf_counter()
        progress = trainer.progress
        self.saved_iteration, self._first_env_steps = progress.iteration, progress.env_steps
        self._first_iteration = progress.iteration

    def __enter__(self) -> RunRecorder:
        config, directory = self.config, self.manager.directory
        self.manager.check_free()
        self.identity = RunIdentity.of(config, self.manager, self.origin)
        self.tracking = Tracking(config, self.identity, self._shown_config(), self._warn)
        self._first_schedules = self._schedule_metadata()
        self._first_record = HistoryRecord.of(self.origin.restore_path)
        teams = {name: config.ppo.team(name) for name in config.played.team_sizes}
        targets = {name: t.kl_target for name, t in teams.items() if t.kl_coeff > 0}
        self.figure = TrainingFigure(self.identity.name, targets)
        self.saver = CheckpointSaver(directory, self._on_saved, self._on_failed)
        self._closing.callback(self.saver.close)
        if warning := disk_warning(self.trainer, config, directory):
            self._warn(warning)
        self._lap_started = time.perf_counter()
        return self

    def _open(self) -> None:
        with contextlib.ExitStack() as opened:
            self._take_folder(opened)
            for source in self.origin.sources:
                opened.enter_context(self.manager.protect(source))
            # Tracking first: it can still be refused.
            resumed = None if self.origin.restore_path is None else self._first_env_steps
            opened.enter_context(
                self.tracking.open(self._first_iteration, resumed, self._first_schedules)
            )
            self._make_room()
            self._open_files(opened)
            opened.push(self._closing.pop_all())  # first to close, as before
            self._closing = opened.pop_all()
        self._is_open = True
        self._lap_started = time.perf_counter()

    def _take_folder(self, opened: contextlib.ExitStack) -> None:
        """Make the folder. Not every file system tells before that it takes none (UsageError)."""
        try:
            opened.enter_context(self.manager.writer_lock())
        except OSError as error:
            reason = error.strerror or first_line(error)
            raise UsageError(
                f"ppo.checkpoint_dir: cannot write into {self.manager.shown}: {reason}; "
                "use another --checkpoint-dir"
            ) from None

    def _make_room(self) -> None:
        """Move what is in the way of going on from here."""
        for aside in self.manager.quarantine(self.origin.damaged):
            self._warn(str(aside))
        iteration = self._first_iteration
        branch = self.manager.set_aside_newer(iteration)
        if branch is not None:
            self.console.message(
                f"going on from iteration {iteration}: newer files moved to {branch}"
            )

    def _open_files(self, opened: contextlib.ExitStack) -> None:
        self.history = RunHistory(
            self.manager,
            self.origin.restore_path,
            self._first_iteration,
            self._first_env_steps,
            self._first_record,
            self._warn,
        )
        opened.callback(self.history.file.close)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._closing.close()
        finally:
            cut_short = self._stopped or isinstance(error, KeyboardInterrupt)
            self.tracking.finish("KILLED" if cut_short else "FAILED" if error else "FINISHED")

    def _schedule_metadata(self) -> dict[str, Any]:
        per_iteration = self.config.ppo.rollout_length * self.config.ray.num_envs
        return self.trainer.schedules.metadata(self.trainer.progress.env_steps, per_iteration)

    def info(self) -> dict[str, object]:
        """What the console shows when the run starts."""
        return start_info(
            self.config, self.manager, self.identity, self.origin, self.trainer.restore_notes
        )

    def lap(self) -> Lap:
        """The time since the last call, or since the recorder was ready."""
        now = time.perf_counter()
        seconds, self._lap_started = now - self._lap_started, now
        return Lap(seconds, self.saver.take_seconds())

    def write(self, row: Row) -> None:
        """One finished iteration to history, TensorBoard and console; the first opens them all.

        Raises:
            CheckpointsInUse: another run has begun to write to the folder.
            UsageError: the folder cannot be made or written.
        """
        if not self._is_open:
            self._open()
        self._row = row
        missing, runners = self.trainer.last.missing_runners, self.config.ray.num_env_runners
        text, level = runner_notice(self._missing_runners, missing, runners)
        if text:
            self.console.message(text, level)
        self._missing_runners = missing
        self.history.write(row)
        self.tracking.write(row)
        self.console.iteration(row)
        for news in self.trainer.progress.news:
            self._warn(news)
        self.saver.poll()

    def save(self, row: Row, *, final: bool = False) -> None:
        """Captures a checkpoint; it is committed, with its plot and export, while training runs.

        A save that the disk refuses is reported, and training continues. `final` tags it.
        """
        self.history.flush()
        self.tracking.flush()
        columns = self.history.file.columns()
        self.saver.save(
            row,
            partial(self._capture, row, ("final",) if final else ()),
            partial(self._write_beside, row, columns),
        )

    def finish(self, *, final: bool, stopped: bool) -> None:
        """Saves the last iteration, unless that has been done, and waits for it.

        Args:
            final: whether the run has reached its planned length.
            stopped: whether it was asked to end early.

        Raises:
            CheckpointWriteFailed: the disk refuses it, or the object store does not answer.
        """
        if self._row is not None:
            self._save_last(self._row, final=final)
        self._stopped = stopped

    def _save_last(self, row: Row, *, final: bool) -> None:
        self.saver.settle()
        self._ending = True
        if self.saved_iteration < int(row["iteration"]):
            self.save(row, final=final)
            self.saver.settle()
        if self.saver.failed is not None:
            raise CheckpointWriteFailed(self.saver.failed)
        self.manager.upload()  # what is still waiting
        self._announce_saved()
        self.history.flush(last=True)
        self.tracking.flush(last=True)

    def _capture(self, row: Row, tags: tuple[str, ...]) -> StagedCheckpoint:
        trainer = self.trainer
        rewards = [f"{team}_reward" for team in self.config.played.team_sizes]
        return self.manager.stage(
            trainer,
            iteration=int(row["iteration"]),
            metadata={
                **{key: row[key] for key in (*metadata.METRIC_KEYS, *rewards) if key in row},
                metadata.AVERAGED: len(trainer.progress.window),
                "warnings": trainer.progress.collapse.warnings,
                "seed": self.config.train.seed,
                "torch_threads": self.config.train.threads,
                **self.identity.metadata(),
            },
            writers={
                layout.POLICIES: self._write_policies,
                layout.TRAINING_STATE: training_state(trainer).write,
                RECORD_PART: self.history.write_record,
                layout.CONFIG: self._write_config,
                layout.CONFIG_FILE: self.origin.config_file.write,
            },
            tags=tags,
        )

    def _write_beside(self, row: Row, columns: dict[str, np.ndarray], path: Path) -> None:
        self._tell_saved(path)
        iteration = int(row["iteration"])
        self.history.file.export(path.with_name(layout.history_name(iteration)), iteration)
        figure = self.figure.save(columns, path.with_name(layout.plot_name(iteration)))
        best = ranking.best(index.load(self.manager.directory).checkpoints)
        self.tracking.show(figure, row, best.iteration if best else None)
        self.manager.upload()

    def _on_saved(self, saved: Saved) -> None:
        self.last_checkpoint, self.saved_iteration = saved.path, int(saved.row["iteration"])
        if saved.trouble:
            self._warn(saved.trouble)
        self.tracking.checkpoint(saved.path, saved.row, self._schedule_metadata())
        self._unannounced.append(saved)
        self._announce_saved()

    def _announce_saved(self) -> None:
        """A checkpoint in an object store is saved once it is there; until then it waits."""
        waiting = set(self.manager.waiting()) if self.manager.is_remote else set()
        late = [saved for saved in self._unannounced if int(saved.row["iteration"]) in waiting]
        for saved in self._unannounced:
            if saved not in late:
                self.console.checkpoint(self.manager.address(saved.path), saved.row)
            elif saved is self._unannounced[-1]:
                text = f"committed locally, waiting for upload: {saved.path}"
                self.console.message(f"{text}  iteration {saved.row['iteration']}", "warning")
        self._unannounced = late

    def _on_failed(self, reason: str) -> None:
        if not self._ending:
            self.console.message(f"{reason}\nTraining goes on, the next save is tried", "error")

    def _warn(self, message: str) -> None:
        self.console.message(message, "warning")

    def _write_policies(self, folder: Path) -> None:
        for policy_id, network in self.trainer.networks().items():
            save_policy(network, folder / policy_id)

    def _write_config(self, path: Path) -> None:
        text = safe_yaml.dump(self._shown_config())
        path.write_text(text, encoding="utf-8")

    def _shown_config(self) -> dict[str, Any]:
        """The configuration without the credentials that a URL may hold."""
        values: dict[str, Any] = redacted_values(self.config.to_dict())
        return values
