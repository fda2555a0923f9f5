"""The Nash average of a table of two sides: how good a player is against the best mix of the other.

A mean over all opponents depends on who else was invited: ten copies of a weak hider make every
seeker look strong. Here each side chooses a mixture of its players as if the table were a zero-sum
game, and a player counts by what it gets against the other side's mixture. Copies and players that
nobody would choose change nothing.

Source: Balduzzi, Tuyls, Perolat and Graepel, "Re-evaluating Evaluation", NeurIPS 2018 ("agent vs
task", of which both sides are players here).

Letters: R rows, C columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog, minimize

_SLACK = 1e-9  # of the value that a mixture has to guarantee
_CLOSE = 1e-6  # how far the search for the most even mixture may miss it
_TINY = 1e-12  # keeps the logarithm of a share of 0 finite


class Equilibrium(NamedTuple):
    """An equilibrium of a table, in the unit of its payoffs.

    Attributes:
        value: what the rows get where both sides play their mixtures.
        rows: [R], the mixture of the rows: shares that sum to 1.
        columns: [C], that of the columns.
        row_payoffs: [R], what each row gets against the columns' mixture; at most `value`.
        column_payoffs: [C], what the rows' mixture gets against each column; at least `value`.
    """

    value: float
    rows: np.ndarray
    columns: np.ndarray
    row_payoffs: np.ndarray
    column_payoffs: np.ndarray


def equilibrium(payoffs: np.ndarray) -> Equilibrium:
    """The equilibrium of a zero-sum game; of several, the one with the most even mixtures.

    Args:
        payoffs: [R, C], what the row player gets and the column player loses.

    Raises:
        ValueError: there is no row or no column, or a payoff is not finite.
    """
    table = np.asarray(payoffs, np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ValueError("payoffs must be a table of finite numbers, with a row and a column")
    rows, columns = _mixture(table), _mixture(-table.T)
    value = float(rows @ table @ columns)
    return Equilibrium(value, rows, columns, table @ columns, rows @ table)


def _mixture(table: np.ndarray) -> np.ndarray:
    """The row player's mixture [R] that guarantees the most."""
    count = len(table)
    # Of a mixture p and the value v: v - p @ table <= 0 in every column; the largest v.
    bounds: list[Any] = [*[(0.0, 1.0)] * count, (None, None)]
    found = linprog(
        [*np.zeros(count), -1.0],
        A_ub=np.column_stack([-table.T, np.ones(table.shape[1])]),
        b_ub=np.zeros(table.shape[1]),
        A_eq=[[*np.ones(count), 0.0]],
        b_eq=[1.0],
        bounds=bounds,
    )
    sharp, value = _normal(found.x[:-1]), float(found.x[-1])
    even = minimize(
        lambda p: float(p @ np.log(p + _TINY)),
        (sharp + 1.0 / count) / 2,
        jac=lambda p: np.log(p + _TINY) + p / (p + _TINY),
        bounds=bounds[:-1],
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 1.0, "jac": np.ones_like},
            {"type": "ineq", "fun": lambda p: p @ table - value + _SLACK, "jac": lambda p: table.T},
        ],
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    mixture = _normal(even.x)
    return mixture if (mixture @ table).min() >= value - _CLOSE else sharp


def _normal(shares: np.ndarray) -> np.ndarray:
    """Without the rounding errors of a solver: no share below 0, and a sum of 1."""
    shares = np.where(shares < _CLOSE, 0.0, shares)
    normal: np.ndarray = shares / shares.sum()
    return normal
