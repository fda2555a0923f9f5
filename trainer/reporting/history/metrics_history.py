"""The metrics of every iteration: append-only JSON lines, and their export beside a checkpoint.

`metrics_history.jsonl` holds one row per line and grows by one `write` per iteration, so a
killed run keeps every finished row. `metrics_iter_N.json` is the history up to iteration N as one
JSON array of rows, which `pandas.read_json(path)` turns into a table without further ado.

Both are strict JSON: nan and infinities are written as `null` and read back as nan. A damaged
file is `trainer.reporting.history.recovery`'s part. Imports neither Ray nor torch.
"""

from __future__ import annotations

import errno
import itertools
import math
import os
import threading
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.atomic import replacing
from trainer.checkpoints.safe_io import safe_json
from trainer.reporting.history.rows import (
    content_of,
    decode,
    encode,
    free_name,
    is_half_a_row,
    lines,
    plain_number,
)
from trainer.reporting.metrics import Row

HISTORY_NAME = "metrics_history.jsonl"
_CHUNK = 2**20
# A cell takes some 25 bytes in the file; far fewer, and the columns would outgrow it.
_BYTES_PER_CELL = 4
_SMALL = 2**20  # cells


class DamagedHistoryError(ValueError):
    """The file is not a history that a run can continue, beyond a half-written last row."""


class MetricsHistory:
    """All rows of a run, on disk and as columns in memory (8 bytes a value, to stay flat).

    One process writes; `read_rows` is for everybody else.
    """

    def __init__(
        self, path: Path | str, on_problem: Callable[[str], None] = lambda message: None
    ) -> None:
        """Opens or creates the file; a half-written last row is cut off.

        `on_problem` gets a message when the file is taken away under the run.

        Raises:
            DamagedHistoryError: a line is not a row after the one before, or the path is a link, a
                pipe or a device; nothing has been changed then.
        """
        self.path = Path(path).expanduser()
        self.repaired = ""  # what was cut off, in words; empty if the file was whole
        self._on_problem, self._move_reported = on_problem, False
        self._columns: dict[str, array[float]] = {}  # each [R]
        self._whole: set[str] = set()  # the columns of nothing but integers
        self._ends: array[int] = array("q")  # [R] byte offset at which each row ends
        self._exporting = threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(self.path):
            self._load()
        self._open()
        surplus = os.fstat(self._file.fileno()).st_size - self._end
        if surplus > 0:
            self.repaired = f"{self.path.name}: cut off a half-written row ({surplus} bytes)"
            self._file.truncate(self._end)
        elif surplus < 0:  # whole, but for its line break
            self._file.write(b"\n")

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def last_iteration(self) -> int:
        """Iteration of the newest row; 0 if there is none."""
        return int(self._columns["iteration"][-1]) if self._ends else 0

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds the row of a new iteration; from here on it survives a kill of this process.

        Values are numbers, numpy scalars included.

        Raises:
            TypeError: a value, whose key is named, is anything else.
            ValueError: the iteration is not newer than the last one.
            OSError: the disk is full (the file then ends with the row before) or the file was
                deleted with its folder.
        """
        plain = {key: plain_number(key, value) for key, value in row.items()}
        iteration = plain.get("iteration")
        if iteration is None or iteration <= self.last_iteration:
            raise ValueError(
                f"{self.path.name}: row of iteration {iteration} after iteration "
                f"{self.last_iteration}; to resume from an older one call truncate_after first"
            )
        self._keep_hold()
        line = encode(plain)
        if self._file.write(line) != len(line):
            self._file.truncate(self._end)
            raise OSError(f"{self.path}: the disk is full, the row was not written")
        self._remember(plain, self._end + len(line))

    def columns(self) -> dict[str, np.ndarray]:
        """Every metric over the iterations, each [R] float64; nan where a row does not have it."""
        return {key: np.array(column) for key, column in self._columns.items()}

    def rows(self, count: int) -> Iterator[Row]:
        """The first `count` rows, from memory; nan where a row does not have a metric."""
        for i in range(count):
            row = {key: column[i] for key, column in self._columns.items()}
            yield {key: int(v) if key in self._whole else v for key, v in row.items()}

    def truncate_after(self, iteration: int) -> Path | None:
        """Drops the rows after `iteration`, for a resume from that older point.

        They move to `<name>_superseded_after_<iteration>.jsonl` beside the history, which is
        returned, or None if there were none. A crash in between leaves the old history whole.
        """
        keep = self.count(iteration)
        if keep == len(self):
            return None
        cut = self._end_of(keep)
        aside = self._set_aside(cut, iteration)
        _replace(self.path, self._bytes(0, cut))
        self._file.close()
        self._open()
        del self._ends[keep:]
        for column in self._columns.values():
            del column[keep:]
        return aside

    def export(self, path: Path, up_to: int) -> Path:
        """Writes the history up to an iteration as one JSON array, a row per line.

        `pandas.read_json(path)` loads it. Atomic and on disk on return, as is the history itself.
        """
        with self._exporting:
            os.fsync(self._file.fileno())
            end = max(0, self._end_of(self.count(up_to)) - 1)  # without the last line break
            rows = (chunk.replace(b"\n", b",\n") for chunk in self._bytes(0, end))
            _replace(path, itertools.chain([b"[\n"], rows, [b"\n]\n"]))
        return path

    def close(self) -> None:
        """Closes the file; nothing is lost without it."""
        self._file.close()

    @property
    def _end(self) -> int:
        return self._end_of(len(self))

    def _load(self) -> None:
        """Reads all rows; the file may be longer by most of one, or lack the last line break."""
        try:
            file = safe_json.open_plain(self.path)
        except ValueError as error:
            raise DamagedHistoryError(str(error)) from None
        with file:
            for line in lines(file):
                if is_half_a_row(line):
                    return
                try:
                    self._load_line(line)
                except ValueError as error:
                    raise DamagedHistoryError(
                        f"{self.path.name}, line {len(self) + 1}: {error}"
                    ) from None

    def _load_line(self, line: bytes) -> None:
        row = decode(line)
        if row["iteration"] <= self.last_iteration:
            raise ValueError(f"iteration {row['iteration']} follows {self.last_iteration}")
        self._remember(row, self._end + len(line.removesuffix(b"\n")) + 1)
        if len(self._columns) * len(self) > _SMALL + self._end // _BYTES_PER_CELL:
            raise ValueError("too many different metrics")

    def _open(self) -> None:
        # Kept open, so that the history stays whole even if its folder is moved during the run.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        try:
            descriptor = safe_json.plain_descriptor(self.path, flags)
        except ValueError as error:
            raise DamagedHistoryError(str(error)) from None
        self._file = FileIO(descriptor, "a+")
        weakref.finalize(self, self._file.close)
        self._folder = self.path.parent.stat()
        if os.fstat(descriptor).st_nlink > 1:  # what has the other name, a backup say, stays as is
            _replace(self.path, self._bytes(0, os.fstat(descriptor).st_size))
            self._file.close()
            self._open()

    def _keep_hold(self) -> None:
        """Checks that the file at the path is the one written to, and as this run left it."""
        own = os.fstat(self._file.fileno())
        there = _stat(self.path)
        if there is not None and os.path.samestat(own, there) and own.st_size == self._end:
            return
        folder = _stat(self.path.parent)
        if folder is not None and os.path.samestat(folder, self._folder):
            with self._exporting:
                self._put_back()
        elif own.st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "deleted, with its folder", str(self.path))
        elif not self._move_reported:
            self._move_reported = True
            self._on_problem(f"{self.path} was moved away; the history continues in the moved file")

    def _put_back(self) -> None:
        """Writes all rows to the path again; what stands there now keeps another name."""
        lost = os.fstat(self._file.fileno()).st_size < self._end
        whole = map(encode, self.rows(len(self))) if lost else self._bytes(0, self._end)
        content = b"".join(whole)
        if content_of(self.path, len(content)) != content:
            message = f"{self.path.name} was changed or taken away; it has been written again"
            if os.path.lexists(self.path):
                aside = free_name(self.path, "replaced")
                os.rename(self.path, aside)  # noqa: PTH104
                message += f", and what was there is {aside.name}"
            _replace(self.path, [content])
            self._on_problem(message)
        if lost:
            self._ends = array("q", itertools.accumulate(map(len, content.splitlines(True))))
        self._open()

    def _remember(self, row: Row, end: int) -> None:
        count = len(self._ends)
        for key, value in row.items():  # in its order, which is that of the teams in the figure
            if key not in self._columns:
                self._columns[key] = array("d", [math.nan]) * count
                if count == 0:
                    self._whole.add(key)
            if not isinstance(value, int):
                self._whole.discard(key)
        for key, column in self._columns.items():
            column.append(row.get(key, math.nan))
        self._whole &= row.keys()
        self._ends.append(end)

    def count(self, iteration: int) -> int:
        """How many rows go up to an iteration."""
        return bisect_right(self._columns["iteration"], iteration) if self._ends else 0

    def _end_of(self, count: int) -> int:
        """Where the first `count` rows end."""
        return self._ends[count - 1] if count else 0

    def _bytes(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            chunk = os.pread(self._file.fileno(), min(stop - start, _CHUNK), start)
            if not chunk:
                raise OSError(errno.EIO, "was cut short by another program", str(self.path))
            start += len(chunk)
            yield chunk

    def _set_aside(self, cut: int, iteration: int) -> Path:
        label = f"superseded_after_{iteration:06d}"
        dropped = b"".join(self._bytes(cut, self._end))
        aside = free_name(self.path, label)
        for earlier in self.path.parent.glob(f"{self.path.stem}_{label}*"):
            if content_of(earlier, len(dropped)) == dropped:  # a crash came before the cut
                return earlier
        _replace(aside, [dropped])
        return aside


def _replace(path: Path, chunks: Iterable[bytes]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(chunks)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
