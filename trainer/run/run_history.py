"""The history as a run writes it: what waits for the disk, and the record that checkpoints keep."""

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
    """The history of a run from the checkpoint on that it goes on from.

    Attributes:
        file: the history itself.
    """

    def __init__(
        self,
        manager: CheckpointManager,
        parent: Path | None,
        iteration: int,
        env_steps: int,
        record: HistoryRecord | None,
        tell: Callable[[str], None],
    ) -> None:
        """`parent` is the checkpoint, if there is one; for the others see `open_history`."""
        export = None if parent is None else parent.parent / layout.history_name(iteration)
        self.file = open_history(
            *(manager.directory, iteration, env_steps, export, tell),
            record=record,
            is_mirror=manager.is_remote,
        )
        self._digest = RowsDigest.of_columns(self.file.columns(), len(self.file))
        self._rows = RetryingWriter("the history", self.file.append, tell)
        self.flush = self._rows.flush

    def write(self, row: Row) -> None:
        """Add the row of a new iteration; one that the disk refuses waits, see `RetryingWriter`."""
        self._digest.add(row)
        self._rows.write(row)

    def write_record(self, path: Path) -> None:
        """Write what a checkpoint keeps of all rows so far, also of those that wait."""
        self._digest.record().write(path)
