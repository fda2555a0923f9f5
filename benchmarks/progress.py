"""What is going on, on the error stream: one line that changes in a terminal, else many."""

from __future__ import annotations

import sys
import time

_STARTED = time.monotonic()
_WIDTH = 100


def say(text: str, *, stays: bool = False) -> None:
    """Shows what is being done now, with the time since the start.

    Args:
        text: a line; more where it stays.
        stays: whether the next one leaves it, as it should leave an error.
    """
    minutes, seconds = divmod(int(time.monotonic() - _STARTED), 60)
    line = f"[{minutes}:{seconds:02}] {text}"
    if not sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)
        return
    print(f"\r\033[K{line if stays else line[:_WIDTH]}", end="\n" if stays else "", file=sys.stderr)
    sys.stderr.flush()


def clear() -> None:
    """Takes the line away, before a table is printed."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
