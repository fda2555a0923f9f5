"""What scripted players achieve against each other, in a hundred games and more."""

from __future__ import annotations

import pytest

from tests.envs.players.games import match


def test_the_blocker_keeps_the_chaser_out() -> None:
    stats = match("L1", "chaser", "blocker", games=128)
    assert stats["sealed"].mean() >= 0.95
    assert stats["perfect_hide"].mean() >= 0.9
    assert stats["hider_locks_prep"].mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("level", ["L4", "Q"])
def test_the_ramp_user_finds_the_blocker(level: str) -> None:
    stats = match(level, "ramp_user", "blocker", games=100)
    assert (stats["seen_fraction"] > 0).mean() >= 0.6


@pytest.mark.slow
def test_the_ramp_gets_seekers_in_where_the_chaser_stays_out() -> None:
    chaser, ramp_user = (
        match("L4", name, "blocker", games=100) for name in ("chaser", "ramp_user")
    )
    assert ramp_user["seeker_crossings"].mean() > 0.2 > chaser["seeker_crossings"].mean()
    assert ramp_user["perfect_hide"].mean() < 0.5 * chaser["perfect_hide"].mean()


def test_the_chaser_beats_random_hiders() -> None:
    assert match("L0", "chaser", "random", games=128)["seeker_return"].mean() > 30.0


def test_the_runner_is_seen_less_than_a_random_hider() -> None:
    random, runner = (match("L0", "chaser", name, games=128) for name in ("random", "runner"))
    assert runner["seen_fraction"].mean() < 0.7 * random["seen_fraction"].mean()


def test_who_knows_less_sees_less() -> None:
    chaser, searcher, random = (
        match("L0", name, "random", games=128)["seen_fraction"].mean()
        for name in ("chaser", "searcher", "random")
    )
    assert chaser > searcher + 0.1 > random + 0.2
