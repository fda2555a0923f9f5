"""Queues rows that the disk refused and retries them in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from trainer.reporting.metrics import Row


class RetryingWriter:
    """Writes rows in order, none left out, without ever ending a training."""

    def __init__(
        self, name: str, write: Callable[[Row], object], on_problem: Callable[[str], None]
    ) -> None:
        """`write` raises OSError for a row it could not write, and has left no trace of it then.

        `on_problem` gets the first of several failures, under `name`.
        """
        self._name, self._write, self._on_problem = name, write, on_problem
        self._waiting: deque[Row] = deque()

    def write(self, row: Row) -> None:
        """Writes this row, after those that are waiting."""
        known = bool(self._waiting)
        self._waiting.append(row)
        self._write_waiting(known)

    def flush(self, *, last: bool = False) -> None:
        """Retries the waiting rows; with `last` reports those that are lost."""
        self._write_waiting(known=True)
        if last and self._waiting:
            self._on_problem(f"{self._name}: {len(self._waiting)} rows could not be written")

    def _write_waiting(self, known: bool) -> None:
        try:
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.popleft()
        except OSError as error:
            if not known:
                self._on_problem(
                    f"{self._name} cannot be written: {error}; training continues, rows are kept "
                    "until it can"
                )
