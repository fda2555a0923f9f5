"""The weights of a policy by name, and as one row of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np


def flat_weights(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weights one behind the other, in their order, [P] float32."""
    return np.concatenate([np.ravel(array) for array in weights.values()]).astype(np.float32)


def named_weights(row: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The weights in a row of `flat_weights`, as views of it; `shapes` in the same order.

    Raises:
        ValueError: the row is longer or shorter than the shapes say.
    """
    sizes = [math.prod(shape) for shape in shapes.values()]
    if row.shape != (sum(sizes),):
        raise ValueError(f"{row.shape} weights are not the {sum(sizes)} of the network")
    parts = np.split(row, np.cumsum(sizes)[:-1])
    return {
        name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
