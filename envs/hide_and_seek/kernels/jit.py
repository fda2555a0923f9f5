"""`kernel`: numba's njit with this project's options and a cache that notices every change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

# No NaN or infinity ever enters a kernel, and the sign of zero is of no interest: with these three
# flags min and max become single instructions. Reordering and fused operations stay off, so that a
# game plays alike on every machine.
_FASTMATH = {"nnan", "ninf", "nsz"}


def _sources_digest() -> str:
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.py")), here.parent / "spaces.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


SOURCES_DIGEST = _sources_digest()


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles `function` at its first call and keeps the machine code on disk.

    Numba checks only the function's own file for changes, so a kernel would go on using a stale
    copy of a helper or constant of another file. The stamp of all kernel files closes that gap.
    """
    dispatcher = numba.njit(cache=True, fastmath=_FASTMATH, error_model="numpy")(function)
    index = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if index is not None:  # there is no cache when numba is switched off
        index._source_stamp = (index._source_stamp, SOURCES_DIGEST)
    return dispatcher
