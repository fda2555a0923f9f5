"""Records a run: rows to the history, the trackers and the console, and checkpoints to the disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.checkpoints import index, layout, ranking
from trainer.checkpoints.errors import CheckpointWriteFailed
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.schema import Config
from trainer.errors import ProcessDied
from trainer.ppo.episode_sampler import last_episodes
from trainer.reporting.console.console import Console
from trainer.reporting.figure import TrainingFigure
from trainer.reporting.metrics import Row
from trainer.run import run_folder
from trainer.run.checkpoint_saver import CheckpointSaver, Saved
from trainer.run.disk_space import disk_warning
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.metrics_row import Lap
from trainer.run.run_history import RunHistory
from trainer.run.run_info import start_info
from trainer.run.runner_notices import RunnerNotices
from trainer.run.save_notices import SaveNotices
from trainer.run.session_recorder import SessionRecorder
from trainer.run.snapshot import Snapshot
from trainer.run.tracking import RowSink, Tracker, TrackingStart, open_trackers
from trainer.shown_commands import script_command

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

_LEAVE_S = 2.0  # for session records, when a run ends otherwise than by its end


class RunRecorder:
    """All output of one run.

    Nothing is written, moved or made before the first iteration is done: a run that is stopped
    while it loads has changed nothing. With its row the folder is claimed and cleared; from then on
    the run is its only writer, and the checkpoints it builds on are not pruned.

    Attributes:
        last_checkpoint: the newest checkpoint of this run, at first the one it resumed.
        saved_iteration: its iteration, 0 if there is none.
        sessions: records sampled episodes; None where none are to be.
    """

    def __init__(
        self,
        trainer: TeamPPO,
        config: Config,
        console: Console,
        origin: RunOrigin,
        on_saved: Callable[[Path], None] = lambda checkpoint: None,
    ) -> None:
        """Prepares; `on_saved` gets each checkpoint, in the thread that has committed it."""
        self.trainer, self.config, self.console, self.origin = trainer, config, console, origin
        self._report_saved = on_saved
        self.manager = CheckpointManager(config.ppo.checkpoint_dir, retention=config.retention)
        self._notices = SaveNotices(self.manager, console)
        self.last_checkpoint = origin.restore_path
        self.saved_iteration = trainer.progress.iteration
        self._trackers: list[Tracker] = []
        self._sinks: list[RowSink] = []  # empty until the first row opens them
        self.sessions: SessionRecorder | None = None
        self._row: Row | None = None
        self._runner_notices = RunnerNotices(config.ray.num_env_runners)
        self._ending = self._stopped = False
        self._closing = contextlib.ExitStack()
        self._lap_started = time.perf_counter()

    def __enter__(self) -> RunRecorder:
        config, progress = self.config, self.trainer.progress
        self._check_folder()
        self.identity = RunIdentity.of(config, self.manager, self.origin)
        self.snapshot = Snapshot(self.trainer, config, self.identity, self.origin)
        resumed_steps = None if self.origin.restore_path is None else progress.env_steps
        self._start = TrackingStart(progress.iteration, resumed_steps, self._schedules())
        teams = {name: config.ppo.team(name) for name in config.played.team_sizes}
        targets = {name: t.kl_target for name, t in teams.items() if t.kl_coeff > 0}
        self.figure = TrainingFigure(self.identity.name, targets)
        self.saver = CheckpointSaver(self.manager.directory, self._on_saved, self._on_failed)
        self._closing.callback(self.saver.close)
        if config.tracking.sessions.every is not None:
            self.sessions = SessionRecorder(config, self.identity)
            self._closing.callback(self.sessions.close, _LEAVE_S)
        if warning := disk_warning(self.trainer, config, self.manager.directory):
            self._warn(warning)
        self._lap_started = time.perf_counter()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._closing.__exit__(*exc)

    def _check_folder(self) -> None:
        """Refuses a folder in use, and for a new run one that holds checkpoints."""
        if self.trainer.progress.iteration == 0:
            ways_on = "Resume one of them, or use another folder (ppo.checkpoint_dir)"
            run_folder.refuse_occupied(self.manager, ways_on)
        else:
            self.manager.check_free()

    def info(self) -> dict[str, object]:
        """What the console shows when the run starts."""
        trainer = self.trainer
        return start_info(
            self.config,
            self.manager,
            self.identity,
            self.origin,
            trainer.restore_notes,
            trainer.schedules.alternation,
        )

    def lap(self) -> Lap:
        """The time since the last call, or since the recorder was ready."""
        now = time.perf_counter()
        seconds, self._lap_started = now - self._lap_started, now
        return Lap(seconds, self.saver.take_seconds())

    def write(self, row: Row) -> None:
        """Writes the row of a finished iteration everywhere; the first one opens the files.

        Raises:
            CheckpointsInUse: another run has begun to write to the folder.
            UsageError: the folder cannot be made or written.
        """
        if not self._sinks:
            self._open()
        self._row = row
        last = self.trainer.last
        text, level = self._runner_notices.after_iteration(last.missing_runners, last.undelivered)
        if text:
            self.console.message(text, level)
        for sink in self._sinks:
            sink.write(row)
        self.console.iteration(row)
        for news in self.trainer.progress.news:
            self._warn(news)
        if self.trainer.schedules.news:
            self.console.message(self.trainer.schedules.news)
        if self.sessions is not None:
            self.sessions.write(self.trainer.last.episodes)
            self._tell_of_sessions(self.sessions)
        self.saver.poll()

    def save(self, row: Row, *, final: bool = False) -> None:
        """Captures a checkpoint; it is committed, with its plot and export, while training runs.

        A save that the disk refuses is reported, and training continues. `final` tags it.
        """
        self._flush()
        record, columns = self.history.record(), self.history.file.columns()
        self.saver.save(
            row,
            partial(self.snapshot.stage, self.manager, row, record, final=final),
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
            if self.sessions is not None:
                self._end_session(self.sessions)
        self._stopped = stopped

    def _end_session(self, sessions: SessionRecorder) -> None:
        """Records what was still being played again, and says where the records are."""
        with contextlib.suppress(ProcessDied):
            sessions.write(last_episodes(self.trainer))
        sessions.close()
        self._tell_of_sessions(sessions)
        if summary := sessions.summary():
            self.console.message(summary)

    def _tell_of_sessions(self, sessions: SessionRecorder) -> None:
        for message in sessions.notices():
            self.console.message(*message)

    def _save_last(self, row: Row, *, final: bool) -> None:
        self.saver.settle()
        self._ending = True
        if self.saved_iteration < int(row["iteration"]):
            self.save(row, final=final)
            self.saver.settle()
        if self.saver.failed is not None:
            raise CheckpointWriteFailed(self.saver.failed)
        self.manager.upload()  # whatever still waits
        self._notices.update()
        self._flush(last=True)

    def _flush(self, *, last: bool = False) -> None:
        for sink in self._sinks:
            sink.flush(last=last)

    def _open(self) -> None:
        start, warn, tracked = self._start, self._warn, self.identity.mlflow_run_id
        with contextlib.ExitStack() as opened:
            opened.enter_context(run_folder.claimed(self.manager, self.origin.sources))
            opened.push(self._finish_trackers)
            # Before anything is moved: a tracker can still be refused.
            for tracker in open_trackers(self.config, self.identity, start, warn):
                self._trackers.append(tracker)
            for message in run_folder.clear(self.manager, start.iteration, self.origin.damaged):
                self.console.message(*message)
            run_id = self.identity.mlflow_run_id
            if run_id is not None and run_id != tracked:
                resume = script_command("main.py", ["--continue-run-id", run_id])
                self.console.message(f"MLflow run {run_id}; resume it with: {resume}")
            self.history = RunHistory(
                self.manager,
                parent=self.origin.restore_path,
                iteration=start.iteration,
                env_steps=start.env_steps or 0,
                record=self.origin.history_record,
                on_problem=warn,
            )
            opened.callback(self.history.file.close)
            self.console.recall(self.history.file.columns())
            opened.push(self._closing.pop_all())  # the saver is the first to close
            self._closing = opened.pop_all()
        self._sinks = [self.history, *self._trackers]
        self._lap_started = time.perf_counter()

    def _finish_trackers(self, kind: object, error: object, traceback: object) -> None:
        cut_short = self._stopped or isinstance(error, KeyboardInterrupt)
        for tracker in self._trackers:
            tracker.finish("KILLED" if cut_short else "FAILED" if error else "FINISHED")

    def _write_beside(self, row: Row, columns: dict[str, np.ndarray], path: Path) -> None:
        """Writes what lies next to a committed checkpoint, in the thread that saves."""
        self._report_saved(path)
        iteration = int(row["iteration"])
        self.history.file.export(path.with_name(layout.history_name(iteration)), iteration)
        figure = self.figure.save(columns, path.with_name(layout.plot_name(iteration)))
        best = ranking.best(index.load(self.manager.directory).checkpoints)
        for tracker in self._trackers:
            tracker.show(figure, row, best.iteration if best else None)
        self.manager.upload()

    def _on_saved(self, saved: Saved) -> None:
        self.last_checkpoint, self.saved_iteration = saved.path, int(saved.row["iteration"])
        for tracker in self._trackers:
            tracker.checkpoint(saved.path, saved.row, self._schedules())
        self._notices.committed(saved)

    def _on_failed(self, reason: str) -> None:
        if not self._ending:
            message = f"{reason}\nTraining continues, and the next save is tried"
            self.console.message(message, "error")

    def _schedules(self) -> dict[str, Any]:
        """How far the schedules are, as a checkpoint's metadata has it."""
        per_iteration = self.config.ppo.rollout_length * self.config.ray.num_envs
        return self.trainer.schedules.metadata(self.trainer.progress.env_steps, per_iteration)

    def _warn(self, message: str) -> None:
        self.console.message(message, "warning")
