"""Carries out the runs of a sweep, some at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from trainer.checkpoints import locks
from trainer.commands.sweep.child import Child
from trainer.commands.sweep.follow import Follower
from trainer.commands.sweep.manifest import CUT, FAILED, FINISHED, RUNNING, WAITING, Run, Sweep
from trainer.commands.sweep.progress import Progress
from trainer.commands.sweep.status import ELSEWHERE, Status
from trainer.run.stop_signals import StopSignals

_PAUSE_S = 0.25


class Runner:
    """Starts, watches and stops the runs that a command asks for.

    A run that another process trains, as one that a killed sweep has left behind and that still
    saves, is waited for.
    """

    def __init__(
        self, sweep: Sweep, runs: Sequence[Run], jobs: int, measure: str, progress: Progress
    ) -> None:
        self._sweep, self._jobs, self._progress = sweep, jobs, progress
        self._names = [run.name for run in runs]
        self._waiting = [run.name for run in runs if run.state != FINISHED]
        self._children: dict[str, Child] = {}
        self._followers = {run.name: Follower(sweep.checkpoints(run), measure) for run in runs}
        for follower in self._followers.values():
            follower.update()
        self._stopping = False
        self.pause: Callable[[float], None] = time.sleep

    def run(self, stop: StopSignals) -> None:
        """Returns when every run has ended, or all have stopped because `stop` asked for it."""
        try:
            while self._children or (self._waiting and not self._stopping):
                if stop.requested and not self._stopping:
                    self._stop_all()
                self._collect()
                if not self._stopping:
                    self._start_some()
                self._progress.show(self.statuses())
                self.pause(_PAUSE_S)
        except BaseException:
            self.kill()
            raise
        self._progress.show(self.statuses(), last=True)

    def kill(self) -> None:
        """Ends every process at once."""
        for child in [*self._children.values()]:
            child.kill()

    def statuses(self) -> list[Status]:
        """How each run stands."""
        return [self._status(name) for name in self._names]

    def _status(self, name: str, *, ended: bool = False) -> Status:
        run, follower = self._sweep.runs[name], self._followers[name]
        state = self._state(run)
        if ended or state in (RUNNING, ELSEWHERE):
            follower.update()
        reached, pace = follower.iteration, follower.pace()
        return Status(name, state, reached, run.iterations, follower.measured, pace, run.error)

    def _state(self, run: Run) -> str:
        if run.name in self._waiting and self._is_elsewhere(run):
            return ELSEWHERE
        return run.state

    def _is_elsewhere(self, run: Run) -> bool:
        return locks.writer_of(self._sweep.checkpoints(run)) is not None

    def _start_some(self) -> None:
        for name in [*self._waiting]:
            if len(self._children) >= self._jobs:
                return
            run = self._sweep.runs[name]
            if self._is_elsewhere(run):
                continue
            self._waiting.remove(name)
            if self._sweep.is_done(run):  # by the process that was waited for
                self._sweep.set(run, FINISHED)
                continue
            reached = self._sweep.reached(run)
            self._sweep.set(run, RUNNING)
            try:
                self._children[name] = Child(self._sweep, run)
            except OSError as error:
                self._sweep.set(run, FAILED, str(error))
                self._progress.ended(self._status(name))
            else:
                self._progress.started(name, reached)

    def _collect(self) -> None:
        for name, child in [*self._children.items()]:
            code = child.poll()
            if code is None:
                continue
            del self._children[name]
            run = self._sweep.runs[name]
            state, error = self._outcome(run, code, child)
            self._sweep.set(run, state, error)
            self._progress.ended(self._status(name, ended=True))

    def _outcome(self, run: Run, code: int, child: Child) -> tuple[str, str]:
        if code == 0 or self._sweep.is_done(run):
            return FINISHED, ""
        if self._stopping or code in (129, 130, 143):  # it was asked to stop, by whomever
            return (CUT if self._sweep.reached(run) else WAITING), ""
        return FAILED, child.last_error()

    def _stop_all(self) -> None:
        self._stopping = True
        for child in self._children.values():
            child.stop()
