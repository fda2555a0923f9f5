"""Identifies the process behind a lock or marker, and tells whether it is still running.

A process is identified by machine, process ID and start time, as IDs are reused. A process on
another machine or in another container counts as running.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints.safe_io import safe_json

SUBMITTED_TO = "submitted_to"
"""Key of a Ray job's metadata: the dashboard that it was submitted to, as the user typed it."""
# Both as Ray's job supervisor sets them for the process that it starts.
_RAY_JOB_CONFIG, _SUBMISSION_ID = "RAY_JOB_CONFIG_JSON_ENV_VAR", "job_submission_id"
_ENDED = ("Z", "X")  # killed, but nobody has asked for its exit status yet


@dataclass(frozen=True)
class Owner:
    """The record of a process that holds a lock or marker.

    Attributes:
        host: name of the machine, for messages.
        machine: what is compared, see `machine`.
        pid: process ID.
        start: see `start_time`.
        since: local time of the record.
        token: unique to the record.
        job: submission id of the Ray job that it is the driver of; empty: of none.
    """

    host: str
    machine: str
    pid: int
    start: int
    since: str
    token: str
    job: str = ""

    @classmethod
    def this_process(cls, when: datetime) -> Owner:
        """A new record of the running process."""
        pid = os.getpid()
        since = when.isoformat(sep=" ", timespec="seconds")
        return cls(_nodename(), machine(), pid, start_time(pid), since, uuid.uuid4().hex, ray_job())

    @classmethod
    def read(cls, path: Path) -> Owner | None:
        """The record in a file; None if there is no such file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no such record.
        """
        try:
            return cls.of(safe_json.read(path))
        except FileNotFoundError:
            return None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Owner:
        """The record in a JSON object.

        Raises:
            ValueError: it is no such record.
        """
        text = {key: document.get(key) for key in ("host", "machine", "since", "token")}
        numbers = {key: document.get(key) for key in ("pid", "start")}
        if not all(isinstance(value, str) for value in text.values()) or not all(
            type(value) is int and 0 <= value < 2**63 for value in numbers.values()
        ):
            raise ValueError("not a record of a process")
        job = document.get("job", "")
        return cls(**text, **numbers, job=job if isinstance(job, str) else "")  # type: ignore[arg-type]

    @property
    def is_this_process(self) -> bool:
        """Whether it is the running process itself, not a fork of it."""
        return self.pid == os.getpid() and not self.is_elsewhere

    @property
    def is_elsewhere(self) -> bool:
        """Whether it belongs to another machine or container."""
        return self.machine != machine()

    @property
    def is_dead(self) -> bool:
        """Whether the process has certainly ended."""
        return not self.is_elsewhere and not is_running(self.pid, self.start)

    @property
    def way_to_stop(self) -> str:
        """What to do about it, as the beginning of a sentence."""
        if not self.job:
            return "Stop that one"
        address = submitted_to()
        there = f" --address {safe_json.shown(address)}" if address else ""
        return f"Stop that one (python -m trainer.submit stop {safe_json.shown(self.job)}{there})"

    def encode(self) -> str:
        """The text of the record."""
        return json.dumps(asdict(self)) + "\n"

    def __str__(self) -> str:
        host, since = safe_json.shown(self.host), safe_json.shown(self.since)
        job = f", the Ray job {safe_json.shown(self.job)}" if self.job else ""
        return f"process {self.pid} on {host}{job} (since {since})"


def is_running(pid: int, start: int) -> bool:
    """Whether a process of this machine runs.

    Args:
        pid: process ID.
        start: its `start_time`; 0 = unknown.
    """
    if os.name == "nt":  # there os.kill(pid, 0) would end the process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    # The ID may belong to a new process by now, which has another start time.
    state, now = _state_and_start(pid)
    return state not in _ENDED and (now == start or 0 in (now, start))


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of a process; 0 without /proc."""
    return _state_and_start(pid)[1]


def machine() -> str:
    """The scope of process IDs: this machine, or this container on it."""
    name = _nodename()
    with contextlib.suppress(OSError):
        name += Path("/proc/self/ns/pid").readlink().name
    return re.sub(r"[^A-Za-z0-9]+", "_", name)[-60:] or "host"


def ray_job() -> str:
    """The submission id of the Ray job whose driver this process is; empty: of none."""
    return _job_metadata(_SUBMISSION_ID)


def submitted_to() -> str:
    """The dashboard that the Ray job was submitted to; empty: unknown."""
    return _job_metadata(SUBMITTED_TO)


def ray_job_config() -> dict[str, Any]:
    """What the Ray job whose driver this process is was submitted with; empty outside of a job."""
    try:
        config = json.loads(os.environ.get(_RAY_JOB_CONFIG, "{}"))
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _job_metadata(key: str) -> str:
    given = ray_job_config().get("metadata")
    found = given.get(key) if isinstance(given, dict) else None
    return found if isinstance(found, str) else ""


def _state_and_start(pid: int) -> tuple[str, int]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        fields = stat.rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[19])
    except (OSError, IndexError, ValueError):
        return "", 0


def _nodename() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return name or "host"
