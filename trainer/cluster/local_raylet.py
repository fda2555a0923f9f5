"""The raylet of this machine, of a cluster that was joined: this process cannot do without it."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any

from trainer.checkpoints.process_owner import is_running, start_time


class LocalRaylet:
    """The raylet that this process has joined.

    Attributes:
        pid: its process; None where the system does not tell.
    """

    def __init__(self, node: Any) -> None:
        """`node`: Ray's own, of this process."""
        self.pid = _listener(node.raylet_socket_name)
        self._start = 0 if self.pid is None else start_time(self.pid)

    @property
    def is_dead(self) -> bool:
        return self.pid is not None and not is_running(self.pid, self._start)


def _listener(path: str) -> int | None:
    """The process that listens at a socket of this machine."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as ours:
        ours.connect(path)
        form = "3i"  # pid, uid, gid
        told = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form))
        return struct.unpack(form, told)[0] or None
    return None
