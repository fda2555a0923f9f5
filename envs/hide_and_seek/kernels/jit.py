"""`kernel`, `bare` and `inlined`: numba's njit with the options of this game's kernels."""

from __future__ import annotations

from pathlib import Path

from envs.jit import compiler

_HERE = Path(__file__).parent

# No NaN or infinity ever enters a kernel, and the sign of zero is of no interest: with these three
# flags min and max become single instructions. Reordering and fused operations stay off, so that a
# game plays alike on every machine. Free of the interpreter's lock, parts can play in threads.
SOURCES = (*_HERE.glob("*.py"), _HERE.parent / "spaces.py")
OPTIONS = {"fastmath": {"nnan", "ninf", "nsz"}, "nogil": True}
kernel = compiler(SOURCES, **OPTIONS)

# Without numba's counting of references, which takes longer than the arithmetic: each view of an
# array and each hand-over of a world's arrays costs atomic operations. Nothing may be allocated.
bare = compiler(SOURCES, **OPTIONS, _nrt=False)

# For what every step calls with many arrays: a call hands over the eight numbers of each.
inlined = compiler(SOURCES, **OPTIONS, _nrt=False, forceinline=True)
