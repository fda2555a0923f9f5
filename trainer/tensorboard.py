"""TensorBoard event files under ``runs/<run name>/``, on the axis of lifetime environment steps.

Written straight in TensorBoard's record format: one record and one ``write`` per iteration, no
thread and no queue, so that a killed run keeps every row, and neither torch nor protobuf-heavy
front ends are imported. The record is ``length, crc(length), data, crc(data)`` with masked CRC-32C
(``tensorflow/core/lib/io/record_writer.h``); data is an ``Event``
(``tensorboard/compat/proto/event.proto``).
"""

from __future__ import annotations

import errno
import math
import os
import re
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.metrics import COUNTERS, GAME

_EVENT_FILE = re.compile(r"events\.out\.tfevents\.(\d+)\.")


class TensorBoardWriter:
    """Event file of one run; a resumed run continues the curves of the files already there."""

    def __init__(self, directory: Path | str, resume_env_steps: int | None = None) -> None:
        """Start a new event file in ``directory`` (created if missing).

        ``resume_env_steps`` is the lifetime env_steps of the checkpoint that the run goes on from:
        points that an earlier, abandoned continuation wrote after it disappear from the curves.
        None for a fresh start, whose curves replace all that is in the directory.
        """
        self.directory = Path(directory).expanduser()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._tags: dict[str, str] = {}
        self._file = (self.directory / _next_name(self.directory)).open("ab", buffering=0)
        self._write(file_version="brain.Event:2")
        # A START mark makes readers discard what earlier files hold from this step on.
        first_step = 0 if resume_env_steps is None else resume_env_steps + 1
        self._write(step=first_step, session_log={"status": "START"})

    def __enter__(self) -> TensorBoardWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def write(self, row: Mapping[str, float | int]) -> None:
        """Write a row of metrics at ``row["env_steps"]``; figures not known (nan) leave no point.

        The row outlives a kill of this process from here on. Raises OSError if it cannot be
        written.
        """
        values = [
            {"tag": self._tag(key), "simple_value": float(value)}
            for key, value in row.items()
            if not math.isnan(value)
        ]
        self._write(step=int(row["env_steps"]), summary={"value": values})

    def close(self) -> None:
        """Close the event file; nothing is lost without it."""
        self._file.close()

    def _tag(self, key: str) -> str:
        if key not in self._tags:
            self._tags[key] = tag_of(key)
        return self._tags[key]

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        data = Event(wall_time=time.time(), **fields).SerializeToString()
        header = struct.pack("<Q", len(data))
        record = header + _masked_crc(header) + data + _masked_crc(data)
        end = self._file.tell()
        if self._file.write(record) != len(record):
            self._file.truncate(end)  # readers stop at half a record
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)


def tag_of(key: str) -> str:
    """Tag of a metric: its group (reward, a team, game, time) is the folder TensorBoard shows."""
    if "/" in key:
        return key
    if key == "reward_mean" or key.endswith("_reward"):
        return f"reward/{key.removeprefix('reward_').removesuffix('_reward')}"
    if key in GAME or key.startswith("episodes_"):
        return f"game/{key}"
    if key in COUNTERS or key.endswith("_per_s"):
        return f"time/{key}"
    return f"other/{key}"


def _next_name(directory: Path) -> str:
    """A name that sorts behind all there are: readers take files in the order of their names."""
    names = [_EVENT_FILE.match(path.name) for path in directory.iterdir()]
    stamp = max([int(time.time()), *(int(found[1]) + 1 for found in names if found)])
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}"


def _crc_table() -> Iterator[int]:
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # Castagnoli, reflected
        yield value


_CRC_TABLE = tuple(_crc_table())


def _masked_crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
