"""Eight numbers at once: compiled, they do what numpy does."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.kernels.jit import kernel
from envs.hide_and_seek.kernels.lanes import any_lane, choose, larger, load, smaller, store
from envs.hide_and_seek.layouts import pack_walls


@kernel
def mix(numbers, at, one, out):
    """Uses every operation; out [8 * 8]. Returns whether some pair is in order."""
    a, b = load(numbers, at), load(numbers, at + 8)
    store(out, 0, a + b)
    store(out, 8, a - one)
    store(out, 16, one * b)
    store(out, 24, smaller(a, b))
    store(out, 32, larger(a, one))
    store(out, 40, choose((a < b) & (one <= a), a, b))
    store(out, 48, choose((a <= b) & (b > one), one - a, b * a))
    store(out, 56, one)
    return any_lane(a < b)


@pytest.mark.parametrize("at", [0, 3])
def test_compiled_lanes_are_numpys(at: int) -> None:
    rng = np.random.default_rng(at)
    numbers = rng.normal(size=24).astype(np.float32)
    numbers[at + 8 : at + 11] = numbers[at : at + 3]  # ties
    compiled, plain = np.full(70, -9, np.float32), np.full(70, -9, np.float32)
    one = np.float32(0.1)
    assert mix(numbers, at, one, compiled) == mix.py_func(numbers, at, one, plain)
    np.testing.assert_array_equal(compiled, plain)
    assert np.all(compiled[64:] == -9)


@pytest.mark.parametrize(("low", "some"), [(1.0, False), (0.5, True)])
def test_any_lane(low: float, some: bool) -> None:
    numbers = np.ones(16, np.float32)
    numbers[7] = low  # the last lane
    assert mix(numbers, 0, np.float32(0), np.empty(64, np.float32)) == some


@pytest.mark.parametrize(("count", "width"), [(0, 0), (1, 8), (8, 8), (9, 16)])
def test_packed_walls_fill_whole_lanes_with_walls_out_of_reach(count: int, width: int) -> None:
    walls = np.arange(4 * count, dtype=np.float32).reshape(-1, 4)
    packed = pack_walls(walls, count)
    assert packed.shape == (4, width)
    np.testing.assert_array_equal(packed[:, :count].T, walls)
    assert np.all(packed[:2, count:] + packed[2:, count:] < -50.0)
