"""The vector functions against numpy's in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainer.engine import elementary
from trainer.engine.jit import kernel


def over(function: Any) -> Callable[[np.ndarray], np.ndarray]:
    """`function` on every element, as the compiler makes vector code of it."""

    @kernel
    def apply(x: np.ndarray, out: np.ndarray) -> None:
        for i in range(x.shape[0]):
            out[i] = function(x[i])

    def call(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        apply(x, out)
        return out

    return call


def spread(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 100_003).astype(np.float32)


def test_exp() -> None:
    exp, x = over(elementary.exp), spread(-86.9, 87.9)
    np.testing.assert_allclose(exp(x), np.exp(x.astype(np.float64)), rtol=2e-7)
    assert (exp(np.array([-87.1, -1e9, -2e9], np.float32)) == 0.0).all()
    assert np.isfinite(exp(np.array([1e9], np.float32))).all()


def test_log() -> None:
    x = np.exp(spread(-80.0, 80.0).astype(np.float64)).astype(np.float32)
    exact = np.log(x.astype(np.float64))
    np.testing.assert_allclose(over(elementary.log)(x), exact, rtol=2e-7, atol=1e-7)


def test_tanh() -> None:
    x = spread(-30.0, 30.0)
    np.testing.assert_allclose(over(elementary.tanh)(x), np.tanh(x.astype(np.float64)), atol=3e-7)


@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_the_middle_is_exact(name: str) -> None:
    zero = np.zeros(1, np.float32)
    assert over(getattr(elementary, name))(zero) == getattr(np, name)(zero)
