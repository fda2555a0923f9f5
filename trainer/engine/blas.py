"""The BLAS behind numba's `np.dot`: scipy's OpenBLAS, one thread in each of the engine's own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


@cache
def _libraries() -> Any:
    # Here, since only the fused engine needs them; scipy loads the library that numba calls.
    import scipy.linalg.cython_blas  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Products on one thread each: the engine's tiles are too small to be shared."""
    return _libraries().limit(limits=1, user_api="blas")
