"""The Nash average, against games whose solutions are known."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.nash import equilibrium

ROCK_PAPER_SCISSORS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])


def test_rock_paper_scissors_is_mixed_evenly() -> None:
    found = equilibrium(ROCK_PAPER_SCISSORS)
    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert found.rows == pytest.approx([1 / 3] * 3, abs=1e-4)
    assert found.columns == pytest.approx([1 / 3] * 3, abs=1e-4)
    assert found.row_payoffs == pytest.approx([0.0] * 3, abs=1e-3)


def test_a_mixture_that_is_not_even() -> None:
    """Two by two without a saddle point: p = (d - c) / (a - b - c + d)."""
    found = equilibrium(np.array([[3.0, 0.0], [1.0, 2.0]]))
    assert found.rows == pytest.approx([0.25, 0.75], abs=1e-5)
    assert found.columns == pytest.approx([0.5, 0.5], abs=1e-5)
    assert found.value == pytest.approx(1.5, abs=1e-5)


def test_who_is_dominated_is_not_in_the_mixture() -> None:
    found = equilibrium(np.array([[0.5, 0.4], [0.1, 0.2], [0.3, 0.3]]))
    assert found.rows == pytest.approx([1.0, 0.0, 0.0], abs=1e-5)
    assert found.columns == pytest.approx([0.0, 1.0], abs=1e-5)
    assert found.value == pytest.approx(0.4, abs=1e-6)
    assert found.row_payoffs == pytest.approx([0.4, 0.2, 0.3], abs=1e-5)
    assert found.column_payoffs == pytest.approx([0.5, 0.4], abs=1e-5)


def test_copies_share_and_change_nothing() -> None:
    table = np.vstack([ROCK_PAPER_SCISSORS, ROCK_PAPER_SCISSORS[:1]])
    found = equilibrium(table)
    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert found.rows == pytest.approx([1 / 6, 1 / 3, 1 / 3, 1 / 6], abs=1e-3)
    assert found.row_payoffs == pytest.approx([0.0] * 4, abs=1e-3)


def test_of_several_equilibria_it_is_the_most_even() -> None:
    found = equilibrium(np.full((3, 4), 0.25))
    assert found.rows == pytest.approx([1 / 3] * 3, abs=1e-4)
    assert found.columns == pytest.approx([1 / 4] * 4, abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_no_side_can_do_better_and_a_transposition_swaps_the_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.random((int(rng.integers(1, 9)), int(rng.integers(1, 9))))
    found = equilibrium(table)
    for mixture in (found.rows, found.columns):
        assert mixture.sum() == pytest.approx(1.0)
        assert (mixture >= 0).all()
    assert found.row_payoffs.max() == pytest.approx(found.value, abs=1e-5)
    assert found.column_payoffs.min() == pytest.approx(found.value, abs=1e-5)
    swapped = equilibrium(1.0 - table.T)  # a share of the columns' side
    assert swapped.value == pytest.approx(1.0 - found.value, abs=1e-5)
    assert swapped.rows == pytest.approx(found.columns, abs=1e-3)
    assert swapped.columns == pytest.approx(found.rows, abs=1e-3)


@pytest.mark.parametrize("table", [[[np.nan, 0.5]], [[]], [0.5, 0.2]])
def test_what_is_no_table_is_refused(table: list[object]) -> None:
    with pytest.raises(ValueError, match="payoffs must be a table"):
        equilibrium(np.array(table))
