"""Figures as text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.results import as_dict, episode_line, hiders_win, summary, verdict
from trainer.reporting.terminal import Style

LINEUP = Lineup(
    HideAndSeekConfig(level="L0").resolved(),
    {},
    {"seeker": "checkpoint_000050", "hider": "random"},
    {"seeker": "most likely", "hider": "random"},
    seed=3,
)
RESULTS = {
    "length": [80, 80, 80, 80],
    "seeker_return": [60, 0, -60, -30],
    "hider_return": [-60, 0, 60, 30],
    "seen_fraction": [1.0, 0.5, 0.0, 0.25],
    "first_seen_step": [0, 10, 60, 30],
    "perfect_hide": [0, 0, 1, 0],
}
STATS = {name: np.array(values, np.float32) for name, values in RESULTS.items()}


def row(k: int) -> dict[str, float]:
    return {name: float(values[k]) for name, values in STATS.items()}


def test_the_table() -> None:
    assert summary(LINEUP, STATS, seconds=2.0, style=Style()) == [
        "Performance: 4 episodes of L0, seed 3",
        "-" * 72,
        "                   seekers             hiders",
        "  policy           checkpoint_000050   random",
        "  actions          most likely         random",
        "  return           -7.50 ± 44.37       7.50 ± 44.37",
        "  wins             2 (50.0%)           2 (50.0%)",
        "",
        "  seen fraction    0.438 ± 0.370 of the 60 steps of seeking",
        "  first seen at    25.00 ± 22.91 steps of seeking (never = 60)",
        "  perfect hides    25.0% of the episodes, with no hider ever seen",
        "  episode length   80.00 ± 0.00 steps",
        "  speed            160 steps/s",
        "-" * 72,
        "Mean ± standard deviation over the episodes; returns are per agent.",
        "Hiders win an episode if seen in less than half of the steps of seeking.",
    ]


TOOLS = {
    **{"hider_box_prep": [2, 1, 0, 0], "hider_box_main": [0, 1, 0, 0]},
    **{"seeker_box_main": [0, 0, 0, 0.5], "hider_locks_prep": [3, 1, 0, 0]},
    **{"hider_locks_main": [1, 0, 0, 0], "seeker_locks_main": [0, 0, 1, 0]},
    **{"door_blocked": [1, 0.5, 0, 0], "sealed": [1, 0, 0, 0], "sealed_at_end": [1, 0, 0, 1]},
    **{"hider_ramp_prep": [4, 0, 0, 0], "hider_ramp_main": [0, 0, 0, 0]},
    **{"seeker_ramp_main": [0, 0, 0, 1], "hider_crossings": [0, 0, 0, 0]},
    "seeker_crossings": [0, 3, 0, 0],
}
ALL_STATS = STATS | {name: np.array(values, np.float32) for name, values in TOOLS.items()}


def lineup_of(level: str) -> Lineup:
    return replace(LINEUP, config=HideAndSeekConfig(level=level).resolved())


def test_the_table_of_a_level_with_boxes() -> None:
    lines = summary(lineup_of("L3"), ALL_STATS, None, Style())
    assert lines[7:9] == [
        "  boxes moved      0.12 m              0.75 m first, then 0.25 m",
        "  locks            0.25                1.00 first, then 0.25",
    ]
    assert "  doors blocked    37.5% at the end of the preparation" in lines
    assert "  sealed           25.0% of the episodes then, 50.0% at their end" in lines
    assert not any("ramps" in line or "crossings" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_the_table_of_a_level_with_ramps() -> None:
    lines = summary(lineup_of("L4"), ALL_STATS, None, Style())
    assert "  ramps moved      0.25 m              1.00 m first, then 0.00 m" in lines
    assert "  crossings        0.75                0.00" in lines


def test_plain_values_hold_what_the_level_has() -> None:
    assert set(as_dict(LINEUP, ALL_STATS, None)["stats"]) == set(STATS)
    assert set(as_dict(lineup_of("L4"), ALL_STATS, None)["stats"]) == set(ALL_STATS)
    known = as_dict(lineup_of("L3"), ALL_STATS, None)["stats"]
    assert known["sealed"] == {"mean": 0.25, "std": pytest.approx(0.433, abs=1e-3)}
    assert "seeker_crossings" not in known


def test_a_single_episode_has_no_deviation() -> None:
    one = {name: values[:1] for name, values in STATS.items()}
    lines = summary(LINEUP, one, 1.0, Style())
    assert lines[0] == "Performance: 1 episode of L0, seed 3"
    assert lines[5] == "  return           60.00               -60.00"


def test_color_moves_no_column() -> None:
    plain = summary(LINEUP, STATS, 2.0, Style())
    painted = "\n".join(summary(LINEUP, STATS, 2.0, Style(color=True)))
    assert "\x1b[31mseekers\x1b[0m" in painted
    for code in ("\x1b[1m", "\x1b[31m", "\x1b[36m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted.split("\n") == plain


def test_half_of_the_time_is_enough_for_the_seekers() -> None:
    assert hiders_win(STATS["seen_fraction"]).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("k", "words"),
    [
        (0, "seekers win, seen 100%"),
        (1, "seekers win, seen 50%"),
        (2, "hiders win, never seen"),
        (3, "hiders win, seen 25%"),
    ],
)
def test_the_verdict(k: int, words: str) -> None:
    assert verdict(row(k)) == words


def test_a_line_per_episode() -> None:
    assert [episode_line(k + 1, 12, row(k)) for k in (0, 2)] == [
        "episode  1/12  seekers win  seen 100%, first at 0    hiders' return  -60.00",
        "episode  3/12  hiders win   seen   0%, first never   hiders' return   60.00",
    ]


def test_no_line_is_wider_than_a_terminal() -> None:
    longest = row(2) | {"hider_return": -999.99}
    lines = [*summary(LINEUP, STATS, 2.0, Style()), episode_line(100, 100, longest)]
    assert max(map(len, lines)) <= 80


def test_a_speed_that_nobody_measured_is_not_shown() -> None:
    assert "speed" not in "".join(summary(LINEUP, STATS, None, Style()))
