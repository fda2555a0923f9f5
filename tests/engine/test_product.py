"""Products against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.engine.product import add_product


@pytest.mark.parametrize("shape", [(128, 64, 52), (7, 1, 64), (1, 16, 3), (33, 5, 1)])
@pytest.mark.parametrize("adds", [0, 1])
def test_a_product_replaces_or_adds(shape: tuple[int, int, int], adds: int) -> None:
    rows, m, n = shape
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(rows, width)).astype(np.float32) for width in (m, n))
    out = random.normal(size=(m, n)).astype(np.float32) if adds else np.full((m, n), np.nan, "f4")
    expected = x.T @ y + (out if adds else 0.0)
    add_product(x, y, out, adds)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
