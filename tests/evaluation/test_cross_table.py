"""Every seeker against every hider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import active_count

import numpy as np
import pytest

from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig
from tests.commands.small_players import GAME, make_network
from trainer.evaluation.anchors import make_anchor
from trainer.evaluation.cross_table import Cell, CrossTable, Maker, Outcomes, play_pairings
from trainer.ppo.matches import BLOCK, PolicyPlayer, Stats, play_matches

GAMES = BLOCK + 20  # two blocks of worlds


def policy(seed: int) -> Maker:
    player = PolicyPlayer(make_network(seed))
    return lambda: player


@pytest.fixture(scope="module")
def config() -> ResolvedConfig:
    return HideAndSeekConfig.model_validate(GAME).resolved()


SEEKERS: tuple[Maker, ...] = (policy(1), partial(make_anchor, "searcher", "seeker"), policy(2))
HIDERS: tuple[Maker, ...] = (partial(make_anchor, "random", "hider"), policy(3))


def played(
    config: ResolvedConfig, seekers: Sequence[Maker], hiders: Sequence[Maker], games: int = GAMES
) -> dict[tuple[int, int], Stats]:
    return dict(play_pairings(config, seekers, hiders, games, seed=7))


def same(one: Stats, other: Stats) -> bool:
    return one.keys() == other.keys() and all((one[k] == other[k]).all() for k in one)


def test_a_pairing_plays_the_games_of_a_match(config: ResolvedConfig) -> None:
    found = played(config, SEEKERS, HIDERS)
    assert sorted(found) == [(row, column) for row in range(3) for column in range(2)]
    for (row, column), stats in found.items():
        alone = play_matches(config, SEEKERS[row](), HIDERS[column](), GAMES, seed=7)
        assert same(stats, alone)
    assert not same(found[0, 0], found[2, 0])


def test_who_else_is_there_and_in_what_order_changes_nothing(config: ResolvedConfig) -> None:
    found = played(config, SEEKERS, HIDERS)
    turned = played(config, SEEKERS[::-1], HIDERS[:1])
    assert all(same(turned[row, 0], found[2 - row, 0]) for row in range(3))


def test_fewer_games_are_the_first_ones(config: ResolvedConfig) -> None:
    few, many = (played(config, SEEKERS[:1], HIDERS[:1], games)[0, 0] for games in (5, GAMES))
    assert same(few, {name: values[:5] for name, values in many.items()})


def test_it_tells_how_far_it_has_come(config: ResolvedConfig) -> None:
    told: list[int] = []
    for _ in play_pairings(config, SEEKERS, HIDERS, GAMES, 0, told=told.append):
        pass
    assert told == sorted(told)
    assert told[-1] == 6 * GAMES


def test_a_stop_comes_with_the_games_there_are(config: ResolvedConfig) -> None:
    def leave_after(steps: int) -> Callable[[], bool]:
        asked: list[int] = []

        def stopped() -> bool:
            asked.append(1)
            return len(asked) > steps

        return stopped

    stopped = leave_after(GAME["episode_steps"] + 2)  # one block of a pairing, or none of two
    found = dict(play_pairings(config, SEEKERS[:1], HIDERS[:1], GAMES, 0, stopped=stopped))
    assert len(found[0, 0]["length"]) == BLOCK
    assert dict(play_pairings(config, SEEKERS, HIDERS, GAMES, 0, stopped=leave_after(3))) == {}


def test_an_error_of_a_player_ends_it(config: ResolvedConfig) -> None:
    def broken() -> PolicyPlayer:
        raise RuntimeError("no such player")

    threads = active_count()
    with pytest.raises(RuntimeError, match="no such player"):
        list(play_pairings(config, [broken, *SEEKERS], HIDERS, GAMES, 0))
    assert active_count() == threads


def stats_of(*seen: float) -> Stats:
    return {"seen_fraction": np.array(seen, np.float32)}


def test_who_has_won() -> None:
    assert Outcomes.of(np.array([0.0, 0.49, 0.5, 0.51, 1.0, 0.7])) == Outcomes(3, 1, 2)
    cell = Cell(stats_of(0.0, 0.5, 1.0, 1.0))
    assert cell.outcomes.win_rate.share == pytest.approx(2.5 / 4)
    assert cell.mean("seen_fraction") == pytest.approx(0.625)
    assert cell.standard_error("seen_fraction") == pytest.approx(0.4787 / 2, abs=1e-3)


def test_ratings_and_the_nash_average_of_a_table() -> None:
    table = CrossTable.empty(("random", "good"), ("random", "good"))
    shares = {(0, 0): 0.3, (0, 1): 0.1, (1, 0): 0.9, (1, 1): 0.6}
    for pairing, share in list(shares.items())[:3]:
        table.add(pairing, stats_of(*[1.0] * round(20 * share), *[0.0] * round(20 * (1 - share))))
    assert not table.is_complete
    assert table.nash() is None
    assert np.isnan(table.means("seen_fraction")[1, 1])
    table.add((1, 1), stats_of(*[1.0] * 12, *[0.0] * 8))
    nash = table.nash()
    assert nash is not None
    assert nash.value == pytest.approx(0.6, abs=1e-5)
    ratings = table.ratings("random")
    assert ratings.seekers[0].mu == ratings.hiders[0].mu == 25.0
    assert ratings.seekers[1].mu > 30 < ratings.hiders[1].mu
    assert table.ratings("nobody").balance == 0.0
