"""Which members the runners play, and what is counted."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.opponents.matchmaking import Matchmaker
from trainer.opponents.meetings import LIVE, MIXED, Opponent
from trainer.opponents.pool import Member, Pool
from trainer.opponents.seating import SLOTS

TEAMS = ("seeker", "hider")


def member(iteration: int) -> Member:
    return Member(iteration, {"x": np.full(1, iteration, np.float32)})


def matchmaker(members: int = 6, runners: tuple[int, ...] = (1, 2), size: int = 8) -> Matchmaker:
    pools = {team: Pool(size) for team in TEAMS}
    for pool in pools.values():
        for number in range(members):
            pool.add(member(number))
    return Matchmaker(pools, runners, "uniform", [5])


def slots(made: Matchmaker) -> list[int]:
    return [i for teams in made.drawn.values() for drawn in teams.values() for i in drawn]


def test_nobody_is_drawn_from_an_empty_pool() -> None:
    made = matchmaker(members=0)
    made.advance(240.0, 128)
    assert made.drawn == {}


def test_every_runner_has_draws_of_its_own() -> None:
    made = matchmaker(members=8, runners=(1, 2, 3))
    made.advance(240.0, 128)
    assert list(made.drawn) == ["1", "2", "3"]
    assert len({str(drawn) for drawn in made.drawn.values()}) == 3
    for runner in (1, 2, 3):
        who = made.opponents(runner)
        assert list(who) == ["seeker#0", "seeker#1", "hider#0", "hider#1"]
        for player, opponent in who.items():
            assert TEAMS[opponent.team] == player.split("#")[0]
            assert made.weights(opponent)["x"].tolist() == [opponent.iteration]


def test_slots_change_in_turn_each_time_an_episode_may_have_passed() -> None:
    made = matchmaker(members=8, runners=tuple(range(1, 30)))
    made.advance(math.nan, 128)  # unknown: an episode may pass in each rollout
    changed = []
    for _ in range(13):
        before = slots(made)
        made.advance(240.0, 128)
        moved = {
            k % SLOTS for k, (a, b) in enumerate(zip(before, slots(made), strict=True)) if a != b
        }
        changed.append(moved)
    assert [len(moved) for moved in changed] == [0, 1] * 6 + [0]
    assert [moved for moved in changed if moved] == [{0}, {1}] * 3


def test_a_slot_whose_member_has_left_is_drawn_anew() -> None:
    made = matchmaker(members=1, runners=(0,), size=1)
    made.advance(1e6, 128)
    assert slots(made) == [0] * 4
    for pool in made.pools.values():
        pool.add(member(1))
    made.advance(1e6, 128)
    assert slots(made) == [1] * 4


@given(stop=st.integers(0, 20), length=st.sampled_from([math.nan, 50.0, 240.0, 700.0]))
def test_a_resume_draws_on(stop: int, length: float) -> None:
    histories = []
    for cut in (None, stop):
        made, seen = matchmaker(), []
        for iteration in range(20):
            if iteration == cut:
                state = json.loads(json.dumps(made.state()))
                made = Matchmaker(made.pools, [1, 2], "uniform", [99])
                made.restore(state)
            if iteration % 7 == 6:
                for pool in made.pools.values():
                    pool.add(member(100 + iteration))
            made.advance(length, 128)
            seen.append(json.dumps(made.drawn))
        histories.append(seen)
    assert histories[0] == histories[1]


def test_other_runners_than_were_saved_get_draws_too() -> None:
    old = matchmaker(runners=(1, 2))
    old.advance(240.0, 128)
    new = matchmaker(runners=(2, 3))
    new.restore(old.state())
    new.advance(1e6, 128)
    assert list(new.drawn) == ["2", "3"]
    assert new.drawn["2"] == old.drawn["2"]


def test_without_a_stream_the_draws_start_anew() -> None:
    old = matchmaker(runners=(0,))
    for _ in range(5):
        old.advance(1.0, 128)
    one, other = matchmaker(runners=(1,)), matchmaker(runners=(1,))
    one.restore({**old.state(), "random": None})
    one.advance(1e6, 128)
    other.advance(1e6, 128)
    assert one.drawn == other.drawn


def test_games_count_for_the_member_that_they_were_played_against() -> None:
    made = matchmaker(members=2)
    seeker0, hider1 = Opponent(0, 0).meeting, Opponent(1, 1).meeting
    meetings = np.array([LIVE, MIXED, seeker0, seeker0, seeker0, seeker0, hider1, hider1])
    leads = np.array([9.0, 9.0, 3.0, -1.0, 0.0, np.nan, 3.0, -1.0])
    made.note(meetings, leads)
    results = {t: [(m.games, m.wins) for m in made.pools[t].members] for t in TEAMS}
    assert results == {"seeker": [(3.0, 1.5), (0.0, 0.0)], "hider": [(0.0, 0.0), (2.0, 1.0)]}
    assert made.wins() == {"seeker": 0.5, "hider": 0.5}
    made.note(np.array([hider1]), np.array([-2.0]))
    assert made.wins()["seeker"] == pytest.approx(1 / 3)
