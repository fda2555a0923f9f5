"""Whom an episode has been played against."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.opponents.meetings import (
    FRESH,
    LIVE,
    MIXED,
    Meetings,
    Opponent,
    check_meetings,
)


@given(st.integers(0, 1), st.integers(-(10**9), 10**9))
def test_a_meeting_tells_who_was_met(team: int, iteration: int) -> None:
    assert Opponent.of(Opponent(team, iteration).meeting) == (team, iteration)
    assert Opponent(team, iteration).meeting not in (LIVE, MIXED, FRESH)
    check_meetings(np.array([Opponent(team, iteration).meeting]), 1)


@given(
    now=st.lists(st.lists(st.sampled_from([LIVE, 0, 3]), min_size=3, max_size=3), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_an_episode_counts_for_whom_all_of_it_was_played_against(
    now: list[list[int]], seed: int
) -> None:
    """Against a step-by-step account of each world."""
    random, meetings = np.random.default_rng(seed), Meetings(3)
    seen: list[set[int]] = [set(), set(), set()]
    for against in now:
        dones = random.random((4, 3)) < 0.3
        expected = []
        for step in range(4):
            for world in range(3):
                seen[world].add(against[world])
                if dones[step, world]:
                    only = next(iter(seen[world])) if len(seen[world]) == 1 else MIXED
                    expected.append(only)
                    seen[world] = set()
        found = meetings.play(np.array(against), dones)
        assert found.tolist() == expected
        assert meetings.are_live == all(met <= {LIVE} for met in seen)


def test_nothing_but_meetings_is_taken_over() -> None:
    check_meetings(np.array([LIVE, MIXED, FRESH, 8]), 4)
    for values, worlds, message in (
        (np.array([0.5]), 1, "float64 are no meetings"),
        (np.array([0]), 2, r"\(1,\) of int64 are no meetings of 2 worlds"),
        (np.array([2**60]), 1, "no meeting"),
        (np.array([-(2**63)]), 1, "no meeting"),
    ):
        with pytest.raises(ValueError, match=message):
            check_meetings(values, worlds)
