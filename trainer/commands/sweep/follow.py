"""How far a run is, from the history that it writes, row by row."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path

from trainer.reporting.history.metrics_history import HISTORY_NAME
from trainer.reporting.history.rows import decode

_PACE = 20  # iterations that the time left is estimated from


class Follower:
    """Reads a growing history; the rows that were read once are not read again.

    Attributes:
        iteration: the last one; 0: none yet.
        measured: the last known value of the measure; nan: none yet.
    """

    def __init__(self, checkpoints: Path, measure: str) -> None:
        self._path, self._measure = checkpoints / HISTORY_NAME, measure
        self._forget()

    def _forget(self) -> None:
        self.iteration, self.measured = 0, math.nan
        self._paces: deque[float] = deque(maxlen=_PACE)
        self._read, self._file = 0, -1

    def update(self) -> None:
        """Reads what is new."""
        try:
            with self._path.open("rb") as file:
                status = self._path.stat()
                if status.st_ino != self._file or status.st_size < self._read:
                    self._forget()  # a resume has cut it
                    self._file = status.st_ino
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._take(line)
        except OSError:
            return

    def _take(self, line: bytes) -> None:
        try:
            row = decode(line)
        except ValueError:
            return
        self.iteration = int(row["iteration"])
        value = float(row.get(self._measure, math.nan))
        self.measured = value if math.isfinite(value) else self.measured
        seconds = float(row.get("time/iteration_s", math.nan))
        if math.isfinite(seconds):
            self._paces.append(seconds)

    def pace(self) -> float:
        """Seconds of an iteration; nan if unknown."""
        return sum(self._paces) / len(self._paces) if self._paces else math.nan
