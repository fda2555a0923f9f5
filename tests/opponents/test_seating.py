"""Who plays in which worlds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.opponents.seating import (
    SLOTS,
    Seat,
    Seats,
    frozen_counts,
    present_only,
    seats_of,
    slot_names,
    within,
)

TEAMS = ("seeker", "hider")
LEARNS = [
    {"seeker": True, "hider": True},
    {"seeker": True, "hider": False},
    {"seeker": False, "hider": True},
]


def players(seats: Seats, team: str, num_envs: int) -> list[str]:
    """Who plays a team in each world."""
    found = [""] * num_envs
    for player, first, end in seats[team]:
        assert found[first:end] == [""] * (end - first)
        found[first:end] = [player] * (end - first)
    return found


@given(num_envs=st.integers(1, 200), share=st.floats(0, 0.9), learns=st.sampled_from(LEARNS))
def test_every_team_is_played_everywhere_and_learners_side_by_side(
    num_envs: int, share: float, learns: dict[str, bool]
) -> None:
    counts = frozen_counts(num_envs, share, learns)
    seats = seats_of(num_envs, counts)
    by_team = {team: players(seats, team, num_envs) for team in TEAMS}
    for team in TEAMS:
        assert len(seats[team]) == 1 + SLOTS
        assert [p != team for p in by_team[team]].count(True) == counts[team]
        worlds = [n for n, player in enumerate(by_team[team]) if player == team]
        assert worlds == list(range(num_envs))[slice(*seats[team][0][1:])]
    # In no world do two earlier policies meet: a present one always plays, and learns.
    for seeker, hider in zip(*by_team.values(), strict=True):
        assert (seeker == "seeker" and learns["seeker"]) or (hider == "hider" and learns["hider"])
    assert abs(sum(counts.values()) - share * num_envs) <= 1.0


@pytest.mark.parametrize(
    ("learns", "expected"),
    list(zip(LEARNS, [(10, 10), (0, 20), (20, 0)], strict=True)),
)
def test_whoever_learns_alone_has_all_the_opponents(
    learns: dict[str, bool], expected: tuple[int, int]
) -> None:
    assert tuple(frozen_counts(100, 0.2, learns).values()) == expected


def test_the_slots_share_the_worlds() -> None:
    seats = seats_of(10, {"seeker": 5, "hider": 2})
    assert seats["seeker"] == (
        Seat("seeker", 5, 10),
        Seat("seeker#0", 0, 2),
        Seat("seeker#1", 2, 5),
    )
    assert seats["hider"] == (Seat("hider", 0, 8), Seat("hider#0", 8, 9), Seat("hider#1", 9, 10))
    assert slot_names("hider") == ("hider#0", "hider#1")


@given(
    num_envs=st.integers(1, 40),
    parts=st.integers(1, 5),
    frozen=st.tuples(*[st.integers(0, 20)] * 2),
)
def test_parts_of_the_worlds_have_the_same_players(
    num_envs: int, parts: int, frozen: tuple[int, int]
) -> None:
    few = [min(count, num_envs // 2) for count in frozen]
    seats = seats_of(num_envs, dict(zip(TEAMS, few, strict=True)))
    for team in TEAMS:
        whole = players(seats, team, num_envs)
        for part in range(parts):
            cut = slice(part * num_envs // parts, (part + 1) * num_envs // parts)
            mine = within(seats[team], cut)
            assert len(mine) == 1 + SLOTS
            assert all(cut.start <= first <= end <= cut.stop for _, first, end in mine)
            found = players({team: tuple(mine)}, team, num_envs)
            assert found[cut] == whole[cut]


def test_without_opponents_there_is_one_seat() -> None:
    assert present_only(TEAMS, 7) == {t: (Seat(t, 0, 7),) for t in TEAMS}
