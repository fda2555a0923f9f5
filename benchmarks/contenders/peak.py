"""The most that the cores can multiply: large square float32 products, one thread per core.

Numba's `np.dot` calls scipy's OpenBLAS, which the fused engine uses too.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

SIZE = 1536
_TIMES = 3  # products of one call


@numba.njit(nogil=True, cache=True)
def _multiply(a, b, out, times):
    for _ in range(times):
        np.dot(a, b, out)


def peak(threads: int, seconds: float) -> float:
    """Multiply-adds per second of all threads together, in their best stretch."""
    from trainer.engine.blas import one_blas_thread

    draw = np.random.default_rng(0)
    matrices = [[draw.random((SIZE, SIZE), np.float32) for _ in range(3)] for _ in range(threads)]
    best = 0.0
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda three: _multiply(*three, 1), matrices))
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            started = time.perf_counter()
            list(pool.map(lambda three: _multiply(*three, _TIMES), matrices))
            best = max(best, threads * _TIMES * SIZE**3 / (time.perf_counter() - started))
    return best
