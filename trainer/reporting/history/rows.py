"""Rows of metrics as text: one row of strict JSON per line, in a history and in its export.

Both are read as if anybody might have written them: only plain files, never through a link, line
by line, and in memory that stays in proportion to what lies on the disk. Imports neither Ray nor
torch.
"""

from __future__ import annotations

import itertools
import json
import math
import operator
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from trainer.checkpoints.safe_io import safe_json
from trainer.reporting.metrics import Row

MAX_LINE = 2**16  # bytes; a row has some 2,000
_LONGEST_KEY = 200
_LARGEST = 2**63
_BEGINNING = b'{"'


def encode(row: Row) -> bytes:
    """A row as one line; what is not finite becomes null."""
    strict = {key: value if math.isfinite(value) else None for key, value in row.items()}
    return json.dumps(strict, separators=(", ", ": "), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Row:
    """The row of a line, null as nan; ValueError says why it is none."""
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not a row of metrics") from None
    if not isinstance(row, dict) or type(row.get("iteration")) is not int:
        raise ValueError("not a row of metrics")
    if not 0 < row["iteration"] < _LARGEST:
        raise ValueError(f"{safe_json.shown(row['iteration'])} is no iteration")
    return {_checked_key(key): _checked_number(key, value) for key, value in row.items()}


def is_half_a_row(line: bytes) -> bool:
    """Whether a kill or a power cut may have left it: no line break, a row's beginning or zeros."""
    begun = line.rstrip(b"\0")
    whole = line.endswith((b"\n", b"}")) or len(line) == MAX_LINE
    return not whole and begun[:2] == _BEGINNING[: len(begun)]


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file with their line breaks; of one longer than `MAX_LINE` the pieces."""
    while line := file.readline(MAX_LINE):
        yield line


def plain_number(key: str, value: Any) -> float | int:
    """A number of any kind as Python's own. TypeError names the key of anything else."""
    try:
        return operator.index(value)
    except TypeError:
        pass
    if isinstance(value, (float, np.floating)):
        return float(value)
    raise TypeError(f"metric '{key}' must be a number, got {type(value).__name__} {value!r}")


@dataclass(frozen=True)
class FoundRows:
    """The rows that can be read in a history or an export, whatever else is in it.

    Attributes:
        path: the file.
        iterations: ascending, each once (the first row of it counts), [R].
        starts: byte offset of each, [R].
        lengths: bytes of each, without what separates it from the next, [R].
        trouble: the first thing that is no row, as a message; empty if there is none.
    """

    path: Path
    iterations: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    trouble: str = ""

    @classmethod
    def of(cls, path: Path, up_to: int) -> FoundRows:
        """Finds the rows up to an iteration; a file that cannot be read at all has none."""
        places = array("q")  # iteration, start and length of one row after the other
        start, trouble = 0, ""
        try:
            with safe_json.open_plain(path) as file:
                for number, line in enumerate(lines(file), start=1):
                    text = line.strip().removesuffix(b",")
                    try:
                        if text not in (b"", b"[", b"]"):
                            iteration = int(decode(text)["iteration"])
                            if iteration <= up_to:
                                places.extend((iteration, start + line.index(text), len(text)))
                    except ValueError as error:
                        trouble = trouble or f"{path.name}, line {number}: {error}"
                    start += len(line)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            trouble = safe_json.first_line(error)
        found, starts, lengths = np.array(places, np.int64).reshape(-1, 3).T
        found, first = np.unique(found, return_index=True)
        return cls(path, found, starts[first], lengths[first], trouble)

    @classmethod
    def none(cls, path: Path = Path(), trouble: str = "") -> FoundRows:
        """No rows at all."""
        nothing = np.empty(0, np.int64)
        return cls(path, nothing, nothing, nothing, trouble)

    def __len__(self) -> int:
        return len(self.iterations)

    def row(self, index: int) -> Row:
        """One of the rows."""
        with safe_json.open_plain(self.path) as file:
            file.seek(self.starts[index])
            return decode(file.read(self.lengths[index]))

    def rows(self) -> Iterator[Row]:
        """The rows themselves, oldest first."""
        return map(decode, self.lines())

    def lines(self) -> Iterator[bytes]:
        """The rows as they stand in the file, oldest first."""
        if len(self) == 0:
            return
        with safe_json.open_plain(self.path) as file:
            for start, length in zip(self.starts, self.lengths, strict=True):
                file.seek(start)
                yield file.read(length)


def read_rows(path: Path | str) -> list[Row]:
    """The rows of a history that another process may be writing; the file is not touched.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: a line before the end, which is named, is damaged.
    """
    path, rows = Path(path), list[Row]()
    with safe_json.open_plain(path) as file:
        for line in lines(file):
            if is_half_a_row(line):
                break
            try:
                rows.append(decode(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {len(rows) + 1}: {error}") from None
    return rows


def gaps(iterations: np.ndarray, up_to: int) -> str:
    """The iterations of 1..`up_to` that are missing, as text: `4, 7-9`; empty if none is."""
    edges = np.concatenate([[0], iterations[iterations <= up_to], [up_to + 1]]).astype(np.int64)
    holes = [(a + 1, b - 1) for a, b in itertools.pairwise(edges) if b - a > 1]
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in holes[:5]]
    return ", ".join([*shown, *(["..."] if len(holes) > 5 else [])])


def free_name(path: Path, label: str) -> Path:
    """A name beside a file that nothing has yet: `metrics_history_damaged.jsonl`, `..._2.jsonl`."""
    free, number = path.with_name(f"{path.stem}_{label}{path.suffix}"), 1
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem}_{label}_{number}{path.suffix}")
    return free


def content_of(path: Path, limit: int) -> bytes | None:
    """The content of a plain file of at most `limit` bytes; None for anything else."""
    try:
        return safe_json.read_bytes(path, limit)
    except (OSError, ValueError):
        return None


def _checked_key(key: str) -> str:
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise ValueError("not a row of metrics")
    return key


def _checked_number(key: str, value: Any) -> float | int:
    if value is None:
        return math.nan
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and -_LARGEST < value < _LARGEST:
        return value
    raise ValueError(f"{key} is {safe_json.shown(value)}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not strict JSON")
