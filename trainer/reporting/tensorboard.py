"""TensorBoard event files under `runs/<run name>/`, on the axis of lifetime environment steps.

One `write` per iteration, no thread and no queue, so that a killed run keeps every row. TensorBoard
is imported by the first write, never by importing this module.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import math
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainer.reporting.metrics import COUNTERS, DEFAULT_TEAMS, GAME, STAGES

_EVENT_FILE = re.compile(r"events\.out\.tfevents\.(\d+)\.")


class TensorBoardWriter:
    """Event file of one run; a resumed run continues the curves of the files already there."""

    def __init__(self, directory: Path | str, resume_env_steps: int | None = None) -> None:
        """Starts a new event file in `directory` (created if missing).

        `resume_env_steps` is the lifetime env_steps of the checkpoint that the run resumes:
        points that an earlier, abandoned continuation wrote after it disappear from the curves.
        None for a fresh start, whose curves replace everything in the directory.
        """
        self.directory = Path(directory).expanduser()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._newest: dict[str, float] = {}  # the values of the last row
        self._held: dict[str, float] = {}  # those of them without a point in the file
        self._step = resume_env_steps or 0
        self._writing = threading.Lock()  # pictures come from the thread that saves
        self._file = (self.directory / _next_name(self.directory)).open("xb", buffering=0)
        self._write({"file_version": "brain.Event:2"})
        # A START mark makes readers discard what earlier files hold from this step on.
        first_step = 0 if resume_env_steps is None else resume_env_steps + 1
        self._write({"step": first_step, "session_log": {"status": "START"}})

    def write(self, row: Mapping[str, float | int]) -> None:
        """Writes a row of metrics at `row["env_steps"]`; unknown values (nan) leave no point.

        A value that stays the same has a point where it begins and one where it ends, which draws
        the same line. From here on the row survives a kill of this process.

        Raises:
            OSError: it cannot be written.
        """
        values = {key: float(value) for key, value in row.items() if not math.isnan(value)}
        ended = {key: value for key, value in self._held.items() if values.get(key) != value}
        same = {key: value for key, value in values.items() if self._newest.get(key) == value}
        new = {key: value for key, value in values.items() if key not in same}
        step = int(row["env_steps"])
        events = [self._scalars(self._step, ended)] if ended else []
        self._write(*events, self._scalars(step, new))
        self._newest, self._held, self._step = values, same, step

    def describe(self, parameters: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        """Hyperparameters, for the table of the runs, and texts in Markdown by their name."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.plugins.text.summary_v2 import text_pb

        # The table knows numbers, truth values and texts.
        plain = {k: v if isinstance(v, int | float) else str(v) for k, v in parameters.items()}
        summaries = [hparams_pb(plain, trial_id=self.directory.name)]
        summaries += [text_pb(f"{name}/text_summary", text) for name, text in texts.items()]
        self._write(*({"step": self._step, "summary": summary} for summary in summaries))

    def point(self, tag: str, value: float, step: int) -> None:
        """One point of a curve that is not a metric of the rows."""
        values = [{"tag": tag, "simple_value": float(value)}]
        self._write({"step": step, "summary": {"value": values}})

    def picture(self, tag: str, file: Path, step: int) -> None:
        """Shows a PNG at a step, in environment steps."""
        png = file.read_bytes()
        width, height = struct.unpack(">II", png[16:24])
        image = {"encoded_image_string": png, "width": width, "height": height, "colorspace": 3}
        self._write({"step": step, "summary": {"value": [{"tag": tag, "image": image}]}})

    def close(self) -> None:
        """Closes the event file; without it only the ends of flat lines are missing."""
        if not self._file.closed:
            with contextlib.suppress(OSError):
                self._write(self._scalars(self._step, self._held))
        self._file.close()

    def _scalars(self, step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        values = [{"tag": tag_of(key), "simple_value": value} for key, value in metrics.items()]
        return {"step": step, "summary": {"value": values}}

    def _write(self, *events: Mapping[str, Any]) -> None:
        records = _records(events)
        with self._writing:
            end = self._file.tell()
            if self._file.write(records) != len(records):
                self._file.truncate(end)  # readers stop at half a record
                self._file.seek(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)


@functools.cache
def tag_of(key: str) -> str:
    """Tag of a metric: its group (reward, a team, game, time) is the folder TensorBoard shows.

    What is done with boxes and ramps has a group of each team, and one of what both bring about.
    """
    if "/" in key:
        return key
    if key in STAGES:
        team, _, rest = key.partition("_")
        return f"objects_{team}/{rest}" if team in DEFAULT_TEAMS else f"objects/{key}"
    if key == "reward_mean" or key.endswith("_reward"):
        return f"reward/{key.removeprefix('reward_').removesuffix('_reward')}"
    if key in GAME or key.startswith("episodes_"):
        return f"game/{key}"
    if key in COUNTERS or key.endswith("_per_s"):
        return f"time/{key}"
    return f"other/{key}"


def _records(events: Iterable[Mapping[str, Any]]) -> bytes:
    """Events with these fields, now, in TensorBoard's record format."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    records = io.BytesIO()
    writer = RecordWriter(records)
    for fields in events:
        writer.write(Event(wall_time=time.time(), **fields).SerializeToString())
    return records.getvalue()


def _next_name(directory: Path) -> str:
    """A name that sorts behind all there are: readers take files in the order of their names."""
    names = [_EVENT_FILE.match(path.name) for path in directory.iterdir()]
    stamp = max([int(time.time()), *(int(found[1]) + 1 for found in names if found)])
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}"
