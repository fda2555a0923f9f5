"""A one-line progress indicator for a terminal."""

from __future__ import annotations

import time
from typing import TextIO

from trainer.checkpoints.safe_io.safe_output import drawing

_DELAY = 2.0  # seconds before the line appears


class Progress:
    """Writes over its own line, gone at the end of a `with`; silent if `stream` is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = drawing(stream)
        self._terminal = stream.isatty()
        self._since = time.monotonic()
        self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def restart(self) -> None:
        """Clears the line and starts the delay anew."""
        self.clear()
        self._since = time.monotonic()

    def show(self, text: str, at_once: bool = False) -> None:
        """Shows a text once two seconds have passed, or `at_once`."""
        if self._terminal and (at_once or time.monotonic() - self._since > _DELAY):
            self._stream.write(f"\r{text}\x1b[K")
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        """Takes the line away, for example before something else is printed."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
