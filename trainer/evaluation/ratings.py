"""How strong a player is, by the games it won and lost: Weng and Lin's ratings, as openskill does.

    seeker = rate(START, [(START, 1.0), (START, 0.5)])  # won against a beginner, then drew

Only the player moves: an opponent whose rating moved too would carry the scale along with it, and
ratings of different iterations could not be compared.

Source: Weng and Lin, "A Bayesian Approximation Method for Online Ranking", JMLR 12 (2011), the
Plackett-Luce model; https://openskill.me.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from openskill.models import PlackettLuce

WON, DRAWN, LOST = 1.0, 0.5, 0.0
_MODEL = PlackettLuce()
_WIDEST, _HALVINGS = 100.0, 12  # points of a handicap, and how finely it is looked for
_RANKS = {WON: [1.0, 2.0], DRAWN: [1.0, 1.0], LOST: [2.0, 1.0]}


class Rating(NamedTuple):
    """A strength on an open scale, and how uncertain it is (a standard deviation)."""

    mu: float
    sigma: float


START = Rating(_MODEL.mu, _MODEL.sigma)
"""Of whoever has not played: mu 25, sigma 25 / 3."""


def rate(player: Rating, games: Iterable[tuple[Rating, float]]) -> Rating:
    """The player's rating after some games, one after the other.

    Args:
        player: its rating before.
        games: the opponent's rating, which stays as it is, and 1.0 won, 0.5 drawn or 0.0 lost.

    Raises:
        ValueError: a game ended in none of these.
    """
    for opponent, outcome in games:
        if outcome not in _RANKS:
            raise ValueError(f"a game is won (1.0), drawn (0.5) or lost (0.0), not {outcome!r}")
        teams = [[_MODEL.rating(*player)], [_MODEL.rating(*opponent)]]
        rated = _MODEL.rate(teams, ranks=_RANKS[outcome])[0][0]
        player = Rating(rated.mu, rated.sigma)
    return player


def handicap(outcomes: Sequence[float]) -> float:
    """How much easier a side of the game is, by games of its beginners against the other's.

    Returns:
        The points to be added to opponents' ratings, so that these games leave a beginner at START;
        below 0 for the easier side.

    Raises:
        ValueError: see `rate`.
    """
    games = [WON, LOST, *outcomes]  # one of each: a side that always wins has a rating too
    low, high = -_WIDEST, _WIDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        opponent = Rating(START.mu + middle, START.sigma)
        rated = rate(START, [(opponent, outcome) for outcome in games])
        low, high = (middle, high) if rated.mu < START.mu else (low, middle)
    return (low + high) / 2
