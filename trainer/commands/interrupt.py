"""Ctrl-C as a flag that a command looks at between steps."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

_SLICE = 0.05  # seconds between two looks at the flag


class Interrupt:
    """While active, the first Ctrl-C is noted; a second one raises KeyboardInterrupt.

    An exception raised by the first could be lost: Python drops what is raised in a destructor or a
    callback of C code. It also counts where Ctrl-C was to be ignored, as in a process that a script
    started in the background.

    Attributes:
        requested: whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = signal.default_int_handler

    def __enter__(self) -> Interrupt:
        self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def wait(self, seconds: float) -> None:
        """Sleep, until Ctrl-C at the latest."""
        end = time.monotonic() + seconds
        while not self.requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
