from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkpoints.fakes import info
from trainer.checkpoints import metadata
from trainer.checkpoints.index import Listing
from trainer.checkpoints.labels import Label
from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.ranking import ordered, parse_best_by
from trainer.commands.checkpoint_tools.checkpoint_table import render
from trainer.reporting import formatting
from trainer.reporting.terminal import Style

NOW = datetime(2024, 12, 19, 15, 40)
MEGABYTE = 1024 * 1024

# From the user's guide, as it is written there.
GUIDE = """\
================================================================================
📂 CHECKPOINT DIRECTORY: /path/to/checkpoints
================================================================================
Total checkpoints: 5
Index last updated: 2024-12-19T15:30:45
================================================================================

Iter     Date         Reward     Episodes   Path
--------------------------------------------------------------------------------
10       2024-12-19   161.06     300        checkpoint_000010
20       2024-12-19   165.23     600        checkpoint_000020
30       2024-12-19   170.45     900        checkpoint_000030
40       2024-12-19   168.92     1200       checkpoint_000040
50       2024-12-19   172.18     1500       checkpoint_000050 [FINAL] [BEST]
--------------------------------------------------------------------------------

📊 Summary:
   Total checkpoints: 5
   Total disk usage: 245.3 MB
   Latest iteration: 50
"""
REWARDS = {10: 161.06, 20: 165.23, 30: 170.45, 40: 168.92, 50: 172.18}


@pytest.fixture
def listing() -> Listing:
    checkpoints = []
    for iteration, reward in REWARDS.items():
        when = datetime(2024, 12, 19, 15, 30, 45) - timedelta(minutes=50 - iteration)
        checkpoints.append(
            info(
                iteration,
                size_bytes=int(49.06 * MEGABYTE),
                timestamp=when.isoformat(),
                timestamp_unix=when.timestamp(),
                reward_mean=reward,
                episodes_completed=iteration * 30,
                tags=["final"] if iteration == 50 else [],
            )
        )
    return Listing(tuple(checkpoints))


def lines(listing: Listing, **options: Any) -> list[str]:
    return render(listing, Path("/path/to/checkpoints"), now=NOW, **options)


def test_the_table_of_the_guide(listing: Listing) -> None:
    shown = lines(listing, style=Style(emoji=True))
    guide = GUIDE.splitlines()
    assert shown[: len(guide)] == guide
    assert shown[len(guide) :] == ["   Best iteration: 50"]


def test_without_emoji_only_the_emoji_are_missing(listing: Listing) -> None:
    plain = "\n".join(lines(listing))
    assert plain.isascii()
    assert plain.splitlines()[: len(GUIDE.splitlines())] == (
        GUIDE.replace("📂 ", "").replace("📊 ", "").splitlines()
    )


def test_the_detailed_table() -> None:
    listing = Listing(
        (
            info(10, size_bytes=900, timestamp="2024-12-19T15:30:45"),
            info(
                1000,
                size_bytes=5 * MEGABYTE,
                timestamp="2024-12-19T15:35:00",
                timestamp_unix=datetime(2024, 12, 19, 15, 35).timestamp(),
                reward_mean=172.181,
                seeker_reward=-5.32,
                hider_reward=48.91,
                episode_len_mean=135.0,
                episodes_completed=1500,
                env_steps=2_000_000,
                tags=["final", "pinned"],
            ),
        )
    )
    shown = lines(listing, detailed=True, width=150)
    start = shown.index("") + 1
    assert shown[start : start + 5] == [
        "Iter  Date        Time        Age  Reward  Seeker  Hider  Ep.len  Episodes  Env steps"
        "    Size  Path",
        "-" * 112,
        "  10  2024-12-19  15:30:45      -       -       -      -       -         -          -"
        "   900 B  checkpoint_000010",
        "1000  2024-12-19  15:35:00  5 min  172.18   -5.32  48.91  135.00      1500       2.0M"
        "  5.0 MB  checkpoint_001000 [FINAL] [PINNED] [BEST]",
        "-" * 112,
    ]


def test_the_detailed_table_has_the_teams_of_the_game() -> None:
    # The keys of hide and seek are there in every metadata.
    known: dict[str, Any] = {"seeker_reward": None, "hider_reward": None, "runner_reward": 4.0}
    first = info(10, **{**known, "chaser_reward": 1.5, "game/top_reward": 3.0})
    shown = lines(Listing((first, info(20, **known))), detailed=True, width=150)
    head, _, *rows = shown[shown.index("") + 1 :][:4]
    assert "Reward  Runner  Chaser  Ep.len" in head
    assert [row.split()[4:7] for row in rows] == [["-", "4.00", "1.50"], ["-", "4.00", "-"]]


def test_the_detailed_table_fits_where_it_is_shown(listing: Listing) -> None:
    long = " ".join(f"word{k}" for k in range(40))
    told = [
        replace(
            item,
            label=Label("a_name_of_forty_characters_this_one_has", long),
            metadata={**item.metadata, "env_steps": 10**12, "tags": ["final", "pinned"]},
        )
        for item in listing.checkpoints
    ]
    for width in (80, 100, 130, 200):
        shown = lines(Listing(tuple(told)), detailed=True, width=width)
        assert max(map(len, shown)) <= width
        assert [" ".join(shown).count(f"word{k} ") for k in (0, 39)] == [5, 5]
        assert all(any(item.name in line for line in shown) for item in told)
        assert " ".join(shown).count("[a_name_of_forty_characters_this_one_has]") == 5


def test_game_metrics_have_columns_where_any_is_known() -> None:
    unknown = "\n".join(lines(Listing((info(10),)), detailed=True))
    assert "Seen" not in unknown
    known = lines(
        Listing((info(10), info(20, seen_fraction=0.2, perfect_hide=0.431))), detailed=True
    )
    head = next(line for line in known if line.startswith("Iter"))
    assert head.split() == [
        "Iter",
        "Age",
        "Reward",
        "Seen",
        "Hidden",
        "Ep.len",
        "Episodes",
        "Env",
        "steps",
        "Size",
    ]
    (row,) = [line for line in known if line.startswith("  20 ")]
    assert row.split()[1:5] == ["-", "-", "0.200", "43.1%"]


def test_shelters_have_a_column_where_there_is_room() -> None:
    told = Listing((info(10, sealed=0.25, perfect_hide=0.5), info(20, sealed=0.75)))
    wide = lines(told, detailed=True, width=150)
    assert "Hidden  Sealed  Ep.len" in next(line for line in wide if line.startswith("Iter"))
    assert sum("75.0%" in line for line in wide) == 1
    narrow = lines(told, detailed=True, width=80)
    assert not any("Sealed" in line for line in narrow)
    best = ordered(told.checkpoints, "sealed:desc")
    assert [found.iteration for found in best] == [20, 10]
    assert parse_best_by(told.checkpoints, "sealed") == BestBy("sealed", "max")


def test_evaluations_have_columns_where_there_were_any() -> None:
    measured = {"score": 0.612, "seeker": 0.58, "hider": 0.644, "seeker_rating": 28.13}
    measured["hider_rating"] = 26.4
    known: dict[str, Any] = {f"evaluation/{key}": value for key, value in measured.items()}
    sight: dict[str, Any] = {"seen_fraction": 0.2, "perfect_hide": 0.25, "env_steps": 39_321_600}
    told = Listing((info(10, **sight), info(20, **sight, **known)))
    wide = lines(told, detailed=True, width=170)
    assert "Score    By team    Ratings" in next(line for line in wide if line.startswith("Iter"))
    (row,) = [line for line in wide if line.startswith("  20 ")]
    assert "0.612  0.58/0.64  28.1/26.4" in row
    narrow = lines(told, detailed=True, width=80)
    assert any("Score" in line and "Env steps" in line for line in narrow)
    assert max(map(len, narrow)) <= 80
    assert not any("Score" in line for line in lines(Listing((info(10),)), detailed=True))
    assert parse_best_by(told.checkpoints, "evaluation/score") == BestBy("evaluation/score", "max")


def test_only_the_best_is_marked(listing: Listing) -> None:
    marked = [line for line in lines(listing, detailed=True) if "[BEST]" in line]
    assert len(marked) == 1
    assert "checkpoint_000050" in marked[0]


def test_other_tags_are_not_final() -> None:
    shown = "\n".join(lines(Listing((info(10, tags=["interrupted"]),))))
    assert "checkpoint_000010 [BEST]" in shown
    assert shown.count("[") == 1


def test_unknown_values_are_dashes() -> None:
    shown = lines(Listing((info(10, reward_mean=None, timestamp="yesterday"),)))
    assert "10       -            -          -          checkpoint_000010 [BEST]" in shown
    assert not any("Best reward" in line for line in shown)
    # What is on disk before any episode has ended.
    early = info(10, reward_mean=0.0, episode_len_mean=0.0, episodes_averaged=0)
    for detailed in (False, True):
        shown = lines(Listing((early,)), detailed=detailed)
        assert not any("0.00" in line for line in shown)


def test_branches_are_named(listing: Listing) -> None:
    branch = Path("/path/to/checkpoints/branch_after_000050_20241219T153045")
    assert lines(listing, set_aside=[branch])[-1] == f"   Set aside: {branch.name}"


def test_color_marks_the_best_and_the_final(listing: Listing) -> None:
    shown = lines(listing, style=Style(color=True))
    (best,) = [line for line in shown if line.startswith("\033[32m50 ")]
    assert best.endswith("checkpoint_000050\033[0m\033[36m [FINAL]\033[0m\033[36m [BEST]\033[0m")
    assert not any("\033" in line for line in lines(listing))


def test_a_stranger_cannot_rewrite_the_terminal() -> None:
    evil = "\033[2J\nhidden"
    listing = Listing((info(10, tags=[evil], timestamp=evil, reward_mean=evil),))
    for detailed in (False, True):
        shown = lines(listing, detailed=detailed)
        assert all(line.isprintable() for line in shown)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(metadata.KEYS), JSON_VALUES), st.booleans())
def test_any_metadata_can_be_shown(document: dict[str, Any], detailed: bool) -> None:
    document["iteration"] = 10
    shown = lines(Listing((info(**document),)), detailed=detailed)
    assert all(line.isprintable() for line in shown)
    assert any("checkpoint_000010" in line for line in shown)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (257215693, "245.3 MB"),
        (5 * 1024**3, "5.0 GB"),
        (3 * 1024**5, "3072.0 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert formatting.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86399, "23 h"),
        (86400 * 400, "400 d"),
        (float("nan"), "-"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert formatting.age(seconds) == text


@pytest.mark.parametrize("detailed", [True, False])
def test_the_rules_are_as_wide_as_the_terminal(listing: Listing, detailed: bool) -> None:
    lines = render(listing, "x", detailed=detailed, now=NOW, width=60)
    assert {len(line) for line in lines if line and not line.strip("=-")} == {60}
