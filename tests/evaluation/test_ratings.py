"""Ratings: those of openskill, with opponents that never move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openskill.models import PlackettLuce

from trainer.evaluation.ratings import DRAWN, LOST, START, WON, Rating, handicap, rate

RATINGS = st.builds(Rating, st.floats(0.0, 60.0), st.floats(0.5, 9.0))
OUTCOMES = st.sampled_from([WON, DRAWN, LOST])


def by_openskill(player: Rating, opponent: Rating, ranks: list[float]) -> Rating:
    model = PlackettLuce()
    teams = [[model.rating(mu=r.mu, sigma=r.sigma)] for r in (player, opponent)]
    found = model.rate(teams, ranks=ranks)[0][0]
    return Rating(found.mu, found.sigma)


@given(RATINGS, RATINGS)
def test_one_game_counts_as_openskill_counts_it(player: Rating, opponent: Rating) -> None:
    assert rate(player, [(opponent, WON)]) == by_openskill(player, opponent, [1, 2])
    assert rate(player, [(opponent, LOST)]) == by_openskill(player, opponent, [2, 1])
    assert rate(player, [(opponent, DRAWN)]) == by_openskill(player, opponent, [1, 1])


@given(RATINGS, st.lists(st.tuples(RATINGS, OUTCOMES), max_size=5))
def test_games_count_one_after_the_other(player: Rating, games: list) -> None:
    step = player
    for game in games:
        step = rate(step, [game])
    assert rate(player, games) == step


def test_a_beginner_has_the_rating_of_openskill() -> None:
    rating = PlackettLuce().rating()
    assert Rating(rating.mu, rating.sigma) == START == rate(START, [])


@given(RATINGS)
def test_a_win_raises_and_a_defeat_lowers(opponent: Rating) -> None:
    won, lost = rate(START, [(opponent, WON)]), rate(START, [(opponent, LOST)])
    assert won.mu > START.mu > lost.mu
    assert max(won.sigma, lost.sigma) < START.sigma


def test_who_wins_more_of_the_same_games_is_rated_higher() -> None:
    found = [
        rate(START, [(START, WON if k % 16 < wins else LOST) for k in range(64)]).mu
        for wins in range(17)
    ]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


@given(st.lists(OUTCOMES, max_size=20))
def test_wins_and_defeats_against_an_equal_mirror_each_other(outcomes: list[float]) -> None:
    ahead = rate(START, [(START, outcome) for outcome in outcomes])
    behind = rate(START, [(START, 1.0 - outcome) for outcome in outcomes])
    assert ahead.mu - START.mu == pytest.approx(START.mu - behind.mu, abs=1e-9)
    assert ahead.sigma == pytest.approx(behind.sigma)


@pytest.mark.parametrize(("games", "wins"), [(32, 32), (32, 25), (32, 16), (32, 3)])
def test_a_handicap_leaves_a_beginner_where_it_is(games: int, wins: int) -> None:
    outcomes = [WON] * wins + [LOST] * (games - wins)
    by = handicap(outcomes)
    opponent = Rating(START.mu + by, START.sigma)
    after = rate(START, [(opponent, outcome) for outcome in (WON, LOST, *outcomes)])
    assert after.mu == pytest.approx(START.mu, abs=0.1)
    assert by == pytest.approx(-handicap([1.0 - outcome for outcome in outcomes]), abs=0.1)
    assert (by < -0.1) == (2 * wins > games)


def test_a_game_has_one_of_three_outcomes() -> None:
    with pytest.raises(ValueError, match=r"not 0\.7"):
        rate(START, [(START, 0.7)])
