"""One process of a machine compiles at a time: the others wait, and load what it has kept.

Else all processes that begin on a new machine would each compile all kernels, minutes of a core.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: each compiles for itself
    fcntl = None  # type: ignore[assignment]

_FILE = ".compiling"
_POLL_S = 0.1
_PATIENCE_S = 600.0
"""Seconds until a process no longer waits for a slow or stopped one, and compiles beside it."""


class _Turn(threading.local):
    """This thread's turn: how deep it is in functions that call functions, and the locked file."""

    depth = 0
    file: int | None = None


_turn = _Turn()


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """What is inside may take the turn; at the end of the outermost one it is given back."""
    _turn.depth += 1
    try:
        yield
    finally:
        _turn.depth -= 1
        if not _turn.depth and _turn.file is not None:
            os.close(_turn.file)  # the end of the process does the same
            _turn.file = None


def take(folder: Path) -> bool:
    """Waits for the turn to compile what is kept in `folder`.

    Returns:
        Whether this call has taken it: what was missing before may be there now. A function within
        another one takes none, wherever it is kept, so two processes never wait for each other.
    """
    if fcntl is None or not _turn.depth or _turn.file is not None:
        return False
    try:
        file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # a folder that cannot be written: nothing is kept there
        return False
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_S)
        except OSError:  # a file system without locks
            break
        else:
            _turn.file = file
            return True
    os.close(file)
    return False
