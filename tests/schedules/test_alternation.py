"""Turns of alternating training."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.schedules.runs import (
    TEAMS,
)
from trainer.schedules.alternation import Alternation


@given(every=st.integers(1, 5), stop=st.integers(0, 20))
def test_teams_take_turns_across_a_resume(every: int, stop: int) -> None:
    fresh = now = Alternation(TEAMS, every)
    turns = []
    for iteration in range(24):
        if iteration == stop:
            now = fresh.resumed(json.loads(json.dumps(now.state())))
        assert now.trains("seeker") != now.trains("hider")
        turns.append(now.trains("seeker"))
        now = now.advanced()
    assert turns == [(iteration // every) % 2 == 0 for iteration in range(24)]


def test_without_alternation_all_learn() -> None:
    both = Alternation(TEAMS).advanced()
    assert both.trains("seeker")
    assert both.trains("hider")
    assert both.since_switch is None
    assert Alternation(TEAMS, 3).resumed(both.state()).trains("seeker")


def test_a_shorter_turn_may_be_over_at_once() -> None:
    old = replace(Alternation(TEAMS, 10), done=4)
    assert not Alternation(TEAMS, 3).resumed(old.state()).trains("seeker")
    assert Alternation(TEAMS, 5).resumed(old.state()).trains("seeker")
