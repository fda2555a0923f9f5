"""Keeps the terminal from writing `^C` into a drawing."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Callable


class ControlEcho:
    """The echo of Ctrl-C on the terminal of standard input: off during a drawing, then restored.

    Both are plain system calls, safe in a signal handler. A process in the background leaves the
    terminal alone: it would be stopped, and the settings are its shell's. Where there are no such
    settings nothing happens.
    """

    def __init__(self) -> None:
        self._changed: int | None = None  # the flags that were changed

    def off(self) -> None:
        """Writes no `^C`, and keeps the output that is still to be drawn when it is pressed."""
        if self._changed is None:
            self._changed = _change(lambda flags, echo, keep: (flags & ~echo) | keep)

    def give_back(self) -> None:
        """Restores the setting; may be called again, and before `off`."""
        changed, self._changed = self._changed, None
        if changed is not None:
            _change(lambda flags, echo, keep: flags ^ changed)


def _change(new: Callable[[int, int, int], int]) -> int | None:
    """Changes the local flags of the terminal; the changed ones, None if it cannot be done."""
    with contextlib.suppress(OSError, ValueError, AttributeError, termios.error):
        terminal = sys.stdin.fileno()
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return None
        settings = termios.tcgetattr(terminal)
        before = settings[3]
        settings[3] = new(before, termios.ECHOCTL, termios.NOFLSH)
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
        return int(before ^ settings[3])
    return None
