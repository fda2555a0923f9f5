"""The states of numpy's generators as an array, so that a checkpoint can hold them.

state = {"random": random_state.to_array(self.generators)}
self.generators = random_state.from_array(state["random"])
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_WORDS = 6  # two for the state, two for the increment, two for the half of a word that is left
_LOW = 2**64 - 1


def to_array(generators: Iterable[np.random.Generator]) -> np.ndarray:
    """[K, 6] uint64, the states of K generators of `np.random.default_rng`.

    Raises:
        ValueError: a generator is of another kind than PCG64.
    """
    rows = []
    for generator in generators:
        state = generator.bit_generator.state
        if state["bit_generator"] != "PCG64":
            raise ValueError(f"only PCG64 has an array, not {state['bit_generator']}")
        numbers = state["state"]["state"], state["state"]["inc"]
        words = [word for number in numbers for word in (number >> 64, number & _LOW)]
        rows.append([*words, state["has_uint32"], state["uinteger"]])
    return np.array(rows, np.uint64).reshape(-1, _WORDS)


def from_array(array: np.ndarray) -> list[np.random.Generator]:
    """New generators that continue those of `to_array`.

    Raises:
        ValueError: this is no such array.
    """
    if array.ndim != 2 or array.shape[1] != _WORDS or array.dtype != np.uint64:
        raise ValueError(f"expected [K, {_WORDS}] uint64, got {array.shape} of {array.dtype}")
    generators = []
    for state_high, state_low, inc_high, inc_low, has_half, half in array.tolist():
        generator = np.random.Generator(np.random.PCG64(0))
        generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": state_high << 64 | state_low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_half,
            "uinteger": half,
        }
        generators.append(generator)
    return generators
