"""What scripted players achieve against each other, in a hundred games and more."""

from __future__ import annotations

import pytest

from tests.envs.players.games import match


def test_the_blocker_keeps_the_chaser_out() -> None:
    stats = match("L1", "chaser", "blocker", games=256)
    assert stats["sealed"].mean() >= 0.97
    assert stats["perfect_hide"].mean() >= 0.9
    assert stats["hider_locks_prep"].mean() >= 0.9


def test_two_hiders_share_the_doors() -> None:
    stats = match("L2", "chaser", "blocker", games=128)
    assert stats["sealed"].mean() >= 0.85
    assert stats["perfect_hide"].mean() >= 0.85


@pytest.mark.slow
def test_random_rooms_are_shut_with_planks_from_elsewhere() -> None:
    stats = match("L3", "chaser", "blocker", games=128)
    assert stats["sealed_at_end"].mean() >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("level", "sealed", "chaser_wins"), [("L4", 0.2, 0.7), ("Q", 0.8, 0.25)])
def test_the_ramp_user_beats_the_blocker(level: str, sealed: float, chaser_wins: float) -> None:
    chaser, stats = (match(level, name, "blocker", games=128) for name in ("chaser", "ramp_user"))
    assert chaser["sealed"].mean() >= sealed
    assert (chaser["seeker_return"] > 0).mean() <= chaser_wins
    assert (stats["seen_fraction"] > 0).mean() >= 0.6
    assert (stats["seeker_return"] > 0).mean() >= 0.6
    assert stats["seeker_crossings"].mean() > 0.4 > 0.1 > chaser["seeker_crossings"].mean()
    assert stats["perfect_hide"].mean() < 0.5 * chaser["perfect_hide"].mean()


def test_the_chaser_beats_who_does_not_hide_for_good() -> None:
    assert match("L0", "chaser", "random", games=256)["seeker_return"].mean() > 30.0
    runner = match("L0", "chaser", "runner", games=256)
    assert runner["seeker_return"].mean() > 0.0
    assert (runner["seeker_return"] > 0).mean() > 0.55


@pytest.mark.parametrize(("seeker", "share"), [("random", 0.65), ("chaser", 0.8)])
def test_the_runner_is_seen_less_than_a_random_hider(seeker: str, share: float) -> None:
    random, runner = (match("L0", seeker, name, games=128) for name in ("random", "runner"))
    assert runner["seen_fraction"].mean() < share * random["seen_fraction"].mean()


def test_who_knows_less_sees_less() -> None:
    chaser, searcher, random = (
        match("L0", name, "random", games=128)["seen_fraction"].mean()
        for name in ("chaser", "searcher", "random")
    )
    assert chaser > searcher + 0.1 > random + 0.2
