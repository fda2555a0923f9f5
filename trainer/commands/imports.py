"""Importing torch and RLlib in less time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def large_imports() -> Iterator[None]:
    """Imports without garbage collection, which would look again and again at what stays anyway.

    It is an eighth of the start. What was imported is left out of later collections as well.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
