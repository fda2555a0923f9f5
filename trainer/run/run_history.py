"""The history of a run: a sink whose rows wait for the disk, and the record for checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trainer.checkpoints import layout
from trainer.checkpoints.manager import CheckpointManager
from trainer.reporting.history.record import HistoryRecord, RowsDigest
from trainer.reporting.history.recovery import open_history
from trainer.reporting.metrics import Row
from trainer.reporting.retrying_writer import RetryingWriter


class RunHistory:
    """The history of a run, from the checkpoint on that it continues.

    Attributes:
        file: the history on disk.
    """

    def __init__(
        self,
        manager: CheckpointManager,
        parent: Path | None,
        iteration: int,
        env_steps: int,
        record: HistoryRecord | None,
        on_problem: Callable[[str], None],
    ) -> None:
        """Opens the file.

        Args:
            manager: of the checkpoint folder.
            parent: the checkpoint that the run continues; None for a new run.
            iteration: of that checkpoint, 0 for a new run.
            env_steps: of that checkpoint, 0 for a new run.
            record: of the history in that checkpoint; None where it has none.
            on_problem: gets the text of each problem with the file.
        """
        export = None if parent is None else parent.parent / layout.history_name(iteration)
        self.file = open_history(
            manager.directory,
            iteration,
            env_steps,
            export,
            report=on_problem,
            record=record,
            is_mirror=manager.is_remote,
        )
        self._digest = RowsDigest(self.file.rows(len(self.file)))
        self._rows = RetryingWriter("the history", self.file.append, on_problem)
        self.flush = self._rows.flush

    def write(self, row: Row) -> None:
        """Adds the row of a new iteration; one that the disk refuses waits."""
        self._digest.add(row)
        self._rows.write(row)

    def record(self) -> HistoryRecord:
        """The record of all rows so far, including those that wait."""
        return self._digest.record()
