"""`kernel` and `inlined`: numba's njit with the options of this game's kernels."""

from __future__ import annotations

from pathlib import Path

from envs.jit import compiler

_HERE = Path(__file__).parent

# No NaN or infinity ever enters a kernel, and the sign of zero is of no interest: with these three
# flags min and max become single instructions. Reordering and fused operations stay off, so that a
# game plays alike on every machine. Free of the interpreter's lock, parts can play in threads.
SOURCES = (*_HERE.glob("*.py"), _HERE.parent / "spaces.py")
_OPTIONS = {"fastmath": {"nnan", "ninf", "nsz"}, "nogil": True}
kernel = compiler(SOURCES, **_OPTIONS)

# For what is called in every step with many arrays: a call hands over each array's eight numbers,
# all of a world's, and takes longer than most kernels.
inlined = compiler(SOURCES, **_OPTIONS, forceinline=True)
