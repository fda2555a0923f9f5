"""Generators of numpy as an array."""

from __future__ import annotations

import numpy as np
import pytest

from envs import random_state


def test_generators_continue_from_their_array() -> None:
    generators = [np.random.default_rng(seed) for seed in (1, 2**40)]
    generators[1].integers(9, dtype=np.uint32)  # half of a word is left
    array = random_state.to_array(generators)
    assert array.shape == (2, 6)
    assert array.dtype == np.uint64
    assert array[1, 4] == 1
    for own, again in zip(generators, random_state.from_array(array), strict=True):
        assert own.integers(2**32, size=3, dtype=np.uint32).tolist() == (
            again.integers(2**32, size=3, dtype=np.uint32).tolist()
        )
        assert own.normal() == again.normal()


def test_no_generators_have_an_empty_array() -> None:
    assert random_state.from_array(random_state.to_array([])) == []


def test_other_generators_and_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="only PCG64 has an array, not MT19937"):
        random_state.to_array([np.random.Generator(np.random.MT19937(0))])
    for array in (np.zeros((2, 6)), np.zeros(6, np.uint64), np.zeros((1, 5), np.uint64)):
        with pytest.raises(ValueError, match=r"expected \[K, 6\] uint64"):
            random_state.from_array(array)
