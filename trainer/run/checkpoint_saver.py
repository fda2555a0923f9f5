"""Saving behind the training: capture now, commit meanwhile.

The training thread only captures its state, into files that nobody else sees yet. Hashing, forcing
to the disk, the commit, pruning, the plot and the export of the history run behind it, in one
thread, one checkpoint after the other. A save that the disk refuses does not end the training: it
is reported, and the next one is tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints.errors import CheckpointWriteFailed, UploadFailed
from trainer.checkpoints.staging import StagedCheckpoint
from trainer.reporting.formatting import size
from trainer.reporting.metrics import Row
from trainer.run.disk_space import free_bytes


@dataclass(frozen=True)
class Saved:
    """A committed checkpoint.

    Attributes:
        path: its folder.
        row: the metrics it was saved with.
        trouble: what went wrong beside it (plot, export, upload); empty if nothing did.
    """

    path: Path
    row: Row
    trouble: str = ""


class CheckpointSaver:
    """Saves one checkpoint after the other.

    Attributes:
        failed: what the last save failed of; None once one has succeeded.
    """

    def __init__(
        self,
        directory: Path,
        on_saved: Callable[[Saved], None],
        on_failed: Callable[[str], None],
    ) -> None:
        """`on_saved` and `on_failed` are called in the training thread, by the next call of any
        method.
        """
        self._directory, self._on_saved, self._on_failed = directory, on_saved, on_failed
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[Saved] | None = None
        self._seconds = 0.0
        self.failed: str | None = None

    def save(
        self,
        row: Row,
        capture: Callable[[], StagedCheckpoint],
        beside: Callable[[Path], None],
    ) -> None:
        """Captures a checkpoint and has it committed; the one before is waited for.

        Args:
            row: the metrics it is saved with.
            capture: stages it, here and now.
            beside: writes what belongs next to the committed folder; runs in the other thread.
        """
        self.settle()
        started = time.perf_counter()
        try:
            staged = capture()
        except CheckpointWriteFailed as error:
            self._fail(error)
        else:
            self._pending = self._pool.submit(_commit, staged, row, beside)
        self._seconds += time.perf_counter() - started

    def poll(self) -> None:
        """Reports a save that has ended, without waiting for one that has not."""
        if self._pending is not None and self._pending.done():
            self.settle()

    def settle(self) -> None:
        """Waits for the save under way and reports it; an error not of the disk is raised."""
        if self._pending is None:
            return
        started = time.perf_counter()
        pending, self._pending = self._pending, None
        try:
            saved = pending.result()
        except CheckpointWriteFailed as error:
            self._fail(error)
        else:
            self.failed = None
            self._on_saved(saved)
        finally:
            self._seconds += time.perf_counter() - started

    def take_seconds(self) -> float:
        """For how long saving has held up the training since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def close(self) -> None:
        """Waits for the save under way; the saver cannot be used any more."""
        try:
            self.settle()
        finally:
            self._pool.shutdown()

    def _fail(self, error: CheckpointWriteFailed) -> None:
        free = free_bytes(self._directory)
        room = "" if free is None else f" ({size(free)} free there)"
        self.failed = f"{error}{room}"
        self._on_failed(self.failed)


def _commit(staged: StagedCheckpoint, row: Row, beside: Callable[[Path], None]) -> Saved:
    trouble = ""
    try:
        path = staged.commit()
    except UploadFailed as error:  # it is whole on this machine
        path, trouble = staged.final, str(error)
    try:
        beside(path)
    except UploadFailed as error:
        trouble = str(error)
    except OSError as error:
        trouble = f"{path.name} is saved, but not what belongs beside it: {error}"
    return Saved(path, row, trouble)
