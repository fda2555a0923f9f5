"""Ratings of all players of a table at once, by the games between two sides.

Ratings were made for games in order of time. In a table all games are of the same time, so each
player's rating is that of a beginner who plays all its games, against opponents whose ratings are
what the same computation says of them. They are found by passes over the table: each rates
everybody anew, and moves them half the way.

Letters: S seekers, H hiders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trainer.evaluation.ratings import START, Rating, rate

OUTCOMES = (1.0, 0.5, 0.0)
"""Of a game, for the seekers; the last axis of the counts."""

_ROUGH = 32  # games of a pairing in the first passes, which only have to come near
_MOST = 200  # in the last passes; more games would hardly move a rating, but take long
_ROUGH_PASSES, _LAST_PASSES = 16, 2
_SETTLED = 0.2  # when the first passes have come near: how far the fastest rating still moves


class TableRatings(NamedTuple):
    """The ratings of both sides.

    A seeker's mu less a hider's, plus `balance`, tells who wins.

    Attributes:
        seekers, hiders: by row and column.
        balance: what the game itself gives the seekers.
    """

    seekers: list[Rating]
    hiders: list[Rating]
    balance: float


def rate_table(
    counts: np.ndarray, seeker_anchor: int | None = None, hider_anchor: int | None = None
) -> TableRatings:
    """Rates a table; what comes out does not depend on the order of games or players.

    Args:
        counts: [S, H, 3], how many games of each pairing ended in each of `OUTCOMES`.
        seeker_anchor: the row of the seeker whose rating is `START` by definition; None: there is
            none, and the seekers' ratings are about `START` together with the hiders'.
        hider_anchor: the column of such a hider.
    """
    counts = np.asarray(counts)
    rough, counts = _thinned(counts, _ROUGH), _thinned(counts, _MOST)
    seekers, hiders = [START] * counts.shape[0], [START] * counts.shape[1]
    for _ in range(_ROUGH_PASSES):
        before = [*seekers, *hiders]
        seekers, hiders = _pass(rough, seekers, hiders)
        moved = zip(before, [*seekers, *hiders], strict=True)
        if max(abs(old.mu - new.mu) for old, new in moved) < _SETTLED:
            break
    for _ in range(_LAST_PASSES):
        seekers, hiders = _pass(counts, seekers, hiders)
    # The teams' tasks are not equally hard: anchors on both sides are met by two scales.
    for_seekers = _shift(seekers, seeker_anchor)
    for_hiders = _shift(hiders, hider_anchor)
    return TableRatings(
        _shifted(seekers, for_seekers, seeker_anchor),
        _shifted(hiders, for_hiders, hider_anchor),
        for_hiders - for_seekers,
    )


def _thinned(counts: np.ndarray, most: int) -> np.ndarray:
    """The same shares of outcomes in at most `most` games of a pairing, roughly."""
    games = counts.sum(-1, keepdims=True)
    return np.rint(counts * np.minimum(1.0, most / np.maximum(games, 1))).astype(int)


def _pass(
    counts: np.ndarray, seekers: Sequence[Rating], hiders: Sequence[Rating]
) -> tuple[list[Rating], list[Rating]]:
    """Everybody's rating after half the way to what the others' ratings make of its games."""
    rated = [_rate(row, hiders) for row in counts]
    rated += [_rate(row, seekers) for row in counts[:, :, ::-1].swapaxes(0, 1)]
    moved = [
        Rating((old.mu + new.mu) / 2, new.sigma)
        for old, new in zip([*seekers, *hiders], rated, strict=True)
    ]
    return moved[: len(seekers)], moved[len(seekers) :]


def _rate(counts: np.ndarray, opponents: Sequence[Rating]) -> Rating:
    """A player's rating after its games [opponents, 3]."""
    games = _games(counts, opponents)
    # The last games count a little more than the first: there and back, they count alike.
    there, back = rate(START, games), rate(START, games[::-1])
    return Rating((there.mu + back.mu) / 2, (there.sigma + back.sigma) / 2)


def _games(counts: np.ndarray, opponents: Sequence[Rating]) -> list[tuple[Rating, float]]:
    """A player's games [opponents, 3], every kind of them spread evenly over the whole."""
    placed = [
        ((k + 0.5) / count, opponent, outcome)
        for opponent, row in zip(opponents, counts, strict=True)
        for outcome, count in zip(OUTCOMES, row.tolist(), strict=True)
        for k in range(count)
    ]
    return [(opponent, outcome) for _, opponent, outcome in sorted(placed)]


def _shift(ratings: Sequence[Rating], anchor: int | None) -> float:
    return 0.0 if anchor is None else START.mu - ratings[anchor].mu


def _shifted(ratings: Sequence[Rating], by: float, anchor: int | None) -> list[Rating]:
    moved = [Rating(rating.mu + by, rating.sigma) for rating in ratings]
    if anchor is not None:
        moved[anchor] = START
    return moved
