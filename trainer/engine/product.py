"""Matrix products that add to what is there: BLAS gemm, as numba's `np.dot` reaches it.

`np.dot` can only replace its result. The gradient of many tiles is a sum of products, and a sum in
place costs nothing, while one more pass over all weights for every tile costs a tenth of a step.
"""

from __future__ import annotations

import numpy as np
from numba import types

from trainer.engine.jit import kernel

_POINTER = types.CPointer(types.float32)
_gemm = types.ExternalFunction(
    "numba_xxgemm",
    types.intc(
        *(types.char, types.char, types.char, types.intp, types.intp, types.intp),
        *(_POINTER, _POINTER, types.intp, _POINTER, types.intp, _POINTER, _POINTER, types.intp),
    ),
)
_SINGLE, _PLAIN, _TRANSPOSED = np.uint8(ord("s")), np.uint8(ord("n")), np.uint8(ord("t"))
_NUMBERS = np.array([0.0, 1.0], np.float32)


@kernel
def add_product(x, y, out, adds):
    """out = x^T y, or out += x^T y.

    Args:
        x: [K, M].
        y: [K, N].
        out: [M, N].
        adds: 1 to add, 0 to replace.
    """
    K, M, N = x.shape[0], x.shape[1], y.shape[1]  # noqa: N806
    one, beta = _NUMBERS[1:], _NUMBERS[adds:]
    # BLAS counts by columns, so all is transposed: out^T = y^T x.
    _gemm(
        *(_SINGLE, _PLAIN, _TRANSPOSED, N, M, K, one.ctypes, y.ctypes, N),
        *(x.ctypes, M, beta.ctypes, out.ctypes, N),
    )
