"""The metrics of every iteration: append-only JSON lines, and their export beside a checkpoint.

``metrics_history.jsonl`` holds one row per line and grows by one ``write`` per iteration, so a
killed run keeps every finished row. ``metrics_iter_N.json`` is the history up to iteration N as one
JSON array of rows, which ``pandas.read_json(path)`` turns into a table without further ado.

Both are strict JSON: nan and infinities are written as ``null`` and read back as nan. Imports
neither Ray nor torch.
"""

from __future__ import annotations

import json
import math
import operator
import os
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.atomic import replacing
from trainer.metrics import Row

HISTORY_NAME = "metrics_history.jsonl"


class MetricsHistory:
    """All rows of a run, on disk and as columns in memory (8 bytes a figure, to stay flat).

    One process writes; `read_rows` is for everybody else.
    """

    def __init__(self, path: Path | str) -> None:
        """Open or create the file. A half-written last row, left by a crash, is cut off.

        Raises ValueError, naming the line, if the file is damaged anywhere but at its end.
        """
        self.path = Path(path).expanduser()
        self.repaired = ""  # what was cut off, in words; empty if the file was whole
        self._columns: dict[str, array[float]] = {}  # each [R]
        self._ends: array[int] = array("q")  # [R] byte offset at which each row ends
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = self.path.read_bytes() if self.path.exists() else b""
        for row, end in _parse(data, self.path):
            if row["iteration"] <= self.last_iteration:
                raise ValueError(
                    f"{self.path}: iteration {row['iteration']} follows {self.last_iteration}; "
                    "two runs wrote to it, move the file away"
                )
            self._remember(row, end)
        self._open()
        end = self._ends[-1] if self._ends else 0
        if end < len(data):
            self.repaired = (
                f"{self.path.name}: cut off a half-written row ({len(data) - end} bytes)"
            )
            self._file.truncate(end)
        elif end > len(data):  # whole, but for its line break
            self._file.write(b"\n")

    def __len__(self) -> int:
        return len(self._ends)

    def __enter__(self) -> MetricsHistory:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def last_iteration(self) -> int:
        """Iteration of the newest row; 0 if there is none."""
        return int(self._columns["iteration"][-1]) if self._ends else 0

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of a new iteration; it outlives a kill of this process from here on.

        Values are numbers, numpy scalars included. Raises TypeError, naming the key, for anything
        else, ValueError if the iteration is not newer than the last one, and OSError if the disk
        is full (the file then ends with the row before).
        """
        plain = {key: _plain_number(key, value) for key, value in row.items()}
        iteration = plain.get("iteration")
        if iteration is None or iteration <= self.last_iteration:
            raise ValueError(
                f"{self.path.name}: row of iteration {iteration} after iteration "
                f"{self.last_iteration}; to go on from an older one call truncate_after first"
            )
        line = _dump(plain)
        end = self._ends[-1] if self._ends else 0
        if self._file.write(line) != len(line):
            self._file.truncate(end)
            raise OSError(f"{self.path}: the disk is full, the row was not written")
        self._remember(plain, end + len(line))

    def rows(self, up_to_iteration: int | None = None) -> list[Row]:
        """The rows as they were appended, oldest first, ints as ints and null as nan."""
        return [row for row, _ in _parse(self._bytes(up_to_iteration), self.path)]

    def columns(self) -> dict[str, np.ndarray]:
        """Every figure over the iterations, each [R] float64; nan where a row does not have it."""
        return {key: np.array(column) for key, column in self._columns.items()}

    def truncate_after(self, iteration: int) -> Path | None:
        """Drop the rows after ``iteration``, for a resume from that older point.

        They move to ``<name>_superseded_after_<iteration>.jsonl`` beside the history, which is
        returned, or None if there were none. A crash in between leaves the old history whole.
        """
        keep = self._count(iteration)
        if keep == len(self):
            return None
        cut = self._ends[keep - 1] if keep else 0
        data = self._bytes()
        aside = self._set_aside(data[cut:], iteration)
        _replace(self.path, data[:cut])
        self._file.close()
        self._open()
        del self._ends[keep:]
        for column in self._columns.values():
            del column[keep:]
        return aside

    def export(self, path: Path | str, up_to_iteration: int | None = None) -> Path:
        """Write the history up to an iteration (default: all) as one JSON array, a row per line.

        ``pandas.read_json(path)`` loads it. Atomic and on disk on return, as is the history itself.
        """
        os.fsync(self._file.fileno())
        body = self._bytes(up_to_iteration).rstrip(b"\n").replace(b"\n", b",\n")
        path = Path(path)
        _replace(path, b"[\n" + body + b"\n]\n")
        return path

    @classmethod
    def from_export(cls, export_path: Path | str, path: Path | str) -> MetricsHistory:
        """A new history at ``path`` with the rows of an export, for a checkpoint that was moved.

        Raises FileExistsError if ``path`` exists, ValueError if the export is not one.
        """
        path = Path(path)
        if path.exists():
            raise FileExistsError(f"{path} exists already; it is not overwritten by an export")
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, b"".join(_dump(row) for row in read_export(export_path)))
        return cls(path)

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        self._file.close()

    def _open(self) -> None:
        # Kept open, so that the history stays whole even if its folder is moved during the run.
        self._file = self.path.open("a+b", buffering=0)
        weakref.finalize(self, self._file.close)

    def _remember(self, row: Row, end: int) -> None:
        count = len(self._ends)
        for key in row:  # in the order of the row, which is that of the teams in the figure
            if key not in self._columns:
                self._columns[key] = array("d", [math.nan]) * count
        for key, column in self._columns.items():
            column.append(row.get(key, math.nan))
        self._ends.append(end)

    def _count(self, iteration: int) -> int:
        """How many rows go up to an iteration."""
        return bisect_right(self._columns["iteration"], iteration) if self._ends else 0

    def _bytes(self, up_to_iteration: int | None = None) -> bytes:
        count = len(self) if up_to_iteration is None else self._count(up_to_iteration)
        if count == 0:
            return b""
        return os.pread(self._file.fileno(), self._ends[count - 1], 0)

    def _set_aside(self, dropped: bytes, iteration: int) -> Path:
        stem = f"{self.path.stem}_superseded_after_{iteration:06d}"
        aside, number = self.path.with_name(f"{stem}.jsonl"), 1
        while aside.exists():
            if aside.read_bytes() == dropped:  # a crash came between here and the cut
                return aside
            number += 1
            aside = self.path.with_name(f"{stem}_{number}.jsonl")
        _replace(aside, dropped)
        return aside


def read_rows(path: Path | str) -> list[Row]:
    """The rows of a history that another process may be writing; the file is not touched.

    Raises FileNotFoundError, and ValueError naming the line if it is damaged before its end.
    """
    path = Path(path)
    return [row for row, _ in _parse(path.read_bytes(), path)]


def read_export(path: Path | str) -> list[Row]:
    """The rows of a ``metrics_iter_N.json``. Raises ValueError if the file is not one."""
    path = Path(path)
    try:
        rows = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
        return [_as_row(row) for row in rows]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is not an export of a metrics history: {error}") from None


def _replace(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _parse(data: bytes, path: Path) -> Iterator[tuple[Row, int]]:
    """Rows with the byte offset at which each ends; what follows the last whole row is skipped."""
    end, broken = 0, 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        end += len(line) + 1
        if not line:
            continue
        try:
            row = _as_row(json.loads(line, parse_constant=_refuse_constant))
        except (ValueError, TypeError):
            broken = broken or number
            continue
        if broken:
            raise ValueError(
                f"{path}, line {broken}: not a row of metrics; repair it or move the file away"
            )
        yield row, end


def _as_row(value: Any) -> Row:
    if not isinstance(value, dict) or not isinstance(value.get("iteration"), int):
        raise TypeError("a row is an object with an 'iteration'")
    row = {key: math.nan if number is None else number for key, number in value.items()}
    return {key: _plain_number(key, number) for key, number in row.items()}


def _dump(row: Row) -> bytes:
    strict = {key: value if math.isfinite(value) else None for key, value in row.items()}
    return json.dumps(strict, separators=(", ", ": "), allow_nan=False).encode() + b"\n"


def _plain_number(key: str, value: Any) -> float | int:
    try:
        return operator.index(value)
    except TypeError:
        pass
    if isinstance(value, (float, np.floating)):
        return float(value)
    raise TypeError(f"metric '{key}' must be a number, got {type(value).__name__} {value!r}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not strict JSON")
