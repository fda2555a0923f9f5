"""Matrix products: BLAS gemm, as numba's `np.dot` reaches it.

`np.dot` can only replace its result, and counts references. The gradient of many tiles is a sum of
products, and a sum in place costs nothing, while one more pass over all weights for every tile
costs a tenth of a step.
"""

from __future__ import annotations

import numpy as np
from numba import types

from trainer.engine.jit import bare

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


@bare
def product(x, y, out):
    """out [R, N] = x [R, K] y [K, N]."""
    R, K, N = x.shape[0], x.shape[1], y.shape[1]  # noqa: N806
    # BLAS counts by columns, so all is transposed: out^T = y^T x^T.
    one, zero = _NUMBERS[1:], _NUMBERS
    _gemm(
        *(_SINGLE, _PLAIN, _PLAIN, N, R, K, one.ctypes, y.ctypes, N),
        *(x.ctypes, K, zero.ctypes, out.ctypes, N),
    )


@bare
def add_product(x, y, out, adds):
    """out [M, N] = x^T y, or out += x^T y.

    Args:
        x: [R, M].
        y: [R, N].
        out: [M, N].
        adds: 1 to add, 0 to replace.
    """
    R, M, N = x.shape[0], x.shape[1], y.shape[1]  # noqa: N806
    one, beta = _NUMBERS[1:], _NUMBERS[adds:]
    _gemm(
        *(_SINGLE, _PLAIN, _TRANSPOSED, N, M, R, one.ctypes, y.ctypes, N),
        *(x.ctypes, M, beta.ctypes, out.ctypes, N),
    )
