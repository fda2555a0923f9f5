"""Commands as real processes on a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.scripts import forked


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "TERM": "xterm", "NUMBA_DISABLE_JIT": "0", **changes}


class Terminal:
    """A command on a terminal of its own; `reply` types once a text has appeared."""

    def __init__(self, words: Sequence[str], ignored: Sequence[signal.Signals] = ()) -> None:
        """`words`: a script, or -m and a module, and arguments; `ignored`: signals."""
        self.master, slave = os.openpty()
        self.shown = ""
        self.process = forked.Process(
            words,
            Path.cwd(),
            environment(COLUMNS="80", LINES="24"),
            [slave] * 3,
            ignored,
        )
        os.close(slave)

    def reply(self, after: str, text: str) -> None:
        self.read_until(after)
        os.write(self.master, text.encode())

    def read_until(self, text: str | None = None) -> None:
        """Reads up to a text that was not there before; without one, to the end."""
        start = len(self.shown)
        while text is None or text not in self.shown[start:]:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:  # the other end is closed
                chunk = b""
            if not chunk:
                assert text is None, f"{text!r} did not come: {self.shown}"
                return
            self.shown += chunk.decode("utf-8", "replace")

    def end(self) -> int:
        self.read_until()
        os.close(self.master)
        return self.process.wait()
