"""One line on a terminal that says how far something long has come."""

from __future__ import annotations

import time
from typing import TextIO

from trainer.checkpoints.safe_io.safe_output import drawing

_PATIENCE = 2.0  # seconds without a word


class Progress:
    """Writes over its own line; silent where `stream` is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = drawing(stream)
        self._terminal = stream.isatty()
        self._since = time.monotonic()
        self._shown = False

    def restart(self) -> None:
        """Something new begins: be patient again."""
        self.clear()
        self._since = time.monotonic()

    def show(self, text: str, at_once: bool = False) -> None:
        """Show a text once two seconds have passed, or `at_once`."""
        if self._terminal and (at_once or time.monotonic() - self._since > _PATIENCE):
            self._stream.write(f"\r{text}\x1b[K")
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        """Take the line away, for example before something else is printed."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
