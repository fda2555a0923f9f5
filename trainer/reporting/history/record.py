"""Fingerprint of the history at a checkpoint, by which its rows are recognized on resume.

`training_state/history.json` of a checkpoint holds how many rows go up to its iteration and one
SHA-256 of their values. It is of the values, not of the text, so that the history, its export and
the columns in memory all have the same; and it is updated row by row, so that a save does not read
the history again. Wall-clock times are among the values: no two runs have the same.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.checkpoints.layout import TRAINING_STATE
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.plain_values import mapping, whole
from trainer.reporting.metrics import Row

RECORD_PART = f"{TRAINING_STATE}/history.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class HistoryRecord:
    """How many rows there were, and the SHA-256 of their values."""

    rows: int
    sha256: str

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> HistoryRecord | None:
        """The record in a file; None if there is no file, as in an older checkpoint.

        Raises:
            OSError, ValueError: it is not what `write` made.
        """
        try:
            found = safe_json.read(path)
            mapping(found, "the record", ("rows", "sha256"))
            rows, sha256 = whole(found["rows"], "rows"), found["sha256"]
            if not isinstance(sha256, str) or _SHA256.fullmatch(sha256) is None:
                raise ValueError(f"sha256 = {safe_json.shown(sha256)} is none")
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        return cls(rows, sha256)


class RowsDigest:
    """The record of rows that come one after the other, in memory that does not grow."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._hash, self._count = hashlib.sha256(), 0
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Adds the next row; what is not finite counts as if it were not there."""
        known = sorted((key, float(value)) for key, value in row.items() if math.isfinite(value))
        names = "\n".join(key for key, _ in known).encode()
        self._hash.update(struct.pack("<II", len(known), len(names)) + names)
        self._hash.update(struct.pack(f"<{len(known)}d", *(value for _, value in known)))
        self._count += 1

    def record(self) -> HistoryRecord:
        """Of the rows so far."""
        return HistoryRecord(self._count, self._hash.hexdigest())
