"""One random stream per world: SplitMix64 (Steele, Lea, Flood 2014), 8 bytes of state.

Integers stay uint64 throughout: numba turns a mix of uint64 and int64 into float64.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.jit import bare

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_27, _30, _31, _40 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(40)
_TO_UNIT = np.float32(2.0**-24)


@bare
def mix(value):
    """Scatters 64 bits; used on seeds too, so that the streams of seeds 0, 1, 2 are unrelated."""
    value = (value ^ (value >> _30)) * _MIX_1
    value = (value ^ (value >> _27)) * _MIX_2
    return value ^ (value >> _31)


@bare
def next_uint(stream, n):
    """The next 64 bits of world n's stream, stream [N] uint64."""
    stream[n] += _GOLDEN
    return mix(stream[n])


@bare
def next_below(stream, n, bound):
    """An integer in [0, bound); the bias is below bound / 2**64."""
    return np.int64(next_uint(stream, n) % np.uint64(bound))


@bare
def next_unit(stream, n):
    """A float32 in [0, 1), from 24 bits."""
    return np.float32(next_uint(stream, n) >> _40) * _TO_UNIT
