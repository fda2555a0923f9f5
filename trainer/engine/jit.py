"""`kernel` and `bare`: numba's njit with the engine's options."""

from __future__ import annotations

from pathlib import Path

from envs.jit import compiler

# Products may be fused with sums, but nothing is reordered: the reductions of `elementary` rely on
# it. NaN and infinity stay what they are: a diverged network must show.
_SOURCES = tuple(Path(__file__).parent.glob("*.py"))
_OPTIONS = {"fastmath": {"contract", "nsz"}, "nogil": True}
kernel = compiler(_SOURCES, **_OPTIONS)

# Without numba's counting of references: every view of an array costs atomic operations on a
# counter that all threads share. Nothing may be allocated.
bare = compiler(_SOURCES, **_OPTIONS, _nrt=False)
