"""`kernel`: numba's njit with the engine's options."""

from __future__ import annotations

from pathlib import Path

from envs.jit import compiler

# Products may be fused with sums, but nothing is reordered: the reductions of `elementary` rely on
# it. NaN and infinity stay what they are: a diverged network must show.
kernel = compiler(Path(__file__).parent.glob("*.py"), fastmath={"contract", "nsz"}, nogil=True)
