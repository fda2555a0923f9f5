"""Turns Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 into requests that the loop polls."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last one from a closed terminal


class StopSignals:
    """While active, the first SIGINT, SIGTERM or SIGHUP is noted; a second SIGINT leaves at once.

    That ends with exit code 1, for nothing was saved then. SIGUSR1 asks for a checkpoint without an
    end. A SIGHUP that was to be ignored (`nohup`) still is.

    Attributes:
        received: the signal that was noted.
        resume_command: the command that resumes the last checkpoint, shown when leaving at once.

    Ray installs handlers of its own when it starts: call `install` again after that.
    """

    def __init__(
        self, notify: Callable[[], None] = lambda: None, leave: Callable[[], None] = lambda: None
    ) -> None:
        """Called by the handler: `notify` for the first signal, `leave` before leaving at once."""
        self._notify, self._leave = notify, leave
        self.resume_command = ""
        self.received: signal.Signals | None = None
        self._previous: dict[int, Any] = {}
        self._save_asked = False

    @property
    def requested(self) -> bool:
        return self.received is not None

    @property
    def exit_code(self) -> int:
        """130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP, 0 if nothing came."""
        return 0 if self.received is None else 128 + int(self.received)

    def install(self) -> None:
        handlers = {**dict.fromkeys(_STOP, self._handle), signal.SIGUSR1: self._handle_save}
        for number, handler in handlers.items():
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            previous = signal.signal(number, handler)
            self._previous.setdefault(number, previous)

    def restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def __enter__(self) -> StopSignals:
        self.install()
        return self

    def __exit__(self, *exc: object) -> None:
        self.restore()

    def take_save_request(self) -> bool:
        """Whether a checkpoint was asked for since the last call."""
        asked, self._save_asked = self._save_asked, False
        return asked

    def _handle_save(self, number: int, frame: FrameType | None) -> None:
        self._save_asked = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            # Plain writes only: the interrupted code may hold any lock.
            self._leave()
            lost = "none is there"
            if self.resume_command:
                lost = f"the last checkpoint counts:\n  {self.resume_command}"
            os.write(2, f"\nleft at once, without a checkpoint; {lost}\n".encode())
            os._exit(1)
        if self.received is None:
            self.received = signal.Signals(number)
            self._notify()
