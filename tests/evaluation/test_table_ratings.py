"""Ratings of a whole table."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.evaluation.ratings import START
from trainer.evaluation.table_ratings import rate_table

GAMES = 100
WINS = np.array([[5, 1, 0], [50, 20, 5], [90, 60, 30]])
"""Of the seekers: a random one, a fair and a good one, against hiders of the same kinds."""


def counts_of(wins: np.ndarray, drawn: int = 0) -> np.ndarray:
    return np.stack([wins, np.full_like(wins, drawn), GAMES - wins - drawn], axis=-1)


def test_the_better_one_has_the_higher_rating() -> None:
    found = rate_table(counts_of(WINS))
    assert found.balance == 0.0
    for ratings in (found.seekers, found.hiders):
        mus = [rating.mu for rating in ratings]
        assert mus == sorted(mus)
        assert mus[-1] - mus[0] > 10
        assert all(rating.sigma < START.sigma / 2 for rating in ratings)


def test_anchors_have_the_rating_of_the_start_and_differences_stay() -> None:
    free, fixed = rate_table(counts_of(WINS)), rate_table(counts_of(WINS), 0, 0)
    assert fixed.seekers[0] == fixed.hiders[0] == START
    for before, after in ((free.seekers, fixed.seekers), (free.hiders, fixed.hiders)):
        assert after[2].mu - after[1].mu == pytest.approx(before[2].mu - before[1].mu)
    # What tells who wins is the same with the balance as without anchors.
    plain = free.seekers[2].mu - free.hiders[1].mu
    assert fixed.seekers[2].mu - fixed.hiders[1].mu + fixed.balance == pytest.approx(plain)
    assert fixed.balance < -5  # 5 wins of 100 between two random players


def test_differences_tell_how_often_a_seeker_wins() -> None:
    """By the model: phi of the difference over sqrt(2) beta, near enough."""
    found = rate_table(counts_of(WINS), 0, 0)
    beta = START.mu / 6
    for row, column in ((1, 0), (1, 1), (2, 0), (2, 1), (2, 2)):
        difference = found.seekers[row].mu - found.hiders[column].mu + found.balance
        expected = 1 / (1 + math.exp(-difference / (math.sqrt(2) * beta)))
        assert expected == pytest.approx(WINS[row, column] / GAMES, abs=0.15)


def test_the_order_of_players_does_not_matter() -> None:
    found = rate_table(counts_of(WINS, drawn=3), 0, 0)
    rows, columns = [2, 0, 1], [1, 2, 0]
    other = rate_table(counts_of(WINS, drawn=3)[rows][:, columns], 1, 2)
    assert [rating.mu for rating in other.seekers] == pytest.approx(
        [found.seekers[row].mu for row in rows], abs=1e-9
    )
    assert [rating.mu for rating in other.hiders] == pytest.approx(
        [found.hiders[column].mu for column in columns], abs=1e-9
    )


def test_teams_of_one_strength_are_rated_alike() -> None:
    found = rate_table(counts_of(np.full((2, 2), 50)))
    for rating in (*found.seekers, *found.hiders):
        assert rating.mu == pytest.approx(START.mu, abs=1.0)


def test_more_games_make_it_surer_and_missing_pairings_leave_it_as_it_was() -> None:
    few, many = counts_of(WINS) // 10, counts_of(WINS) * 4
    pairs = zip(rate_table(few).seekers, rate_table(many).seekers, strict=True)
    assert all(one.sigma > other.sigma for one, other in pairs)
    missing = counts_of(WINS)
    missing[1] = 0
    assert rate_table(missing).seekers[1] == START
