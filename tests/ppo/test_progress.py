"""Counting iterations, and the window over finished episodes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.ppo.collapse import ENTROPY, KL, MAX_ENTROPY
from trainer.ppo.episode_window import EpisodeWindow
from trainer.ppo.progress import IterationStats, Progress


def stats(episodes: int, kl: float = 0.01) -> IterationStats:
    """An iteration of 64 env steps in which `episodes` ended, each one longer than the last."""
    learned = {"seeker_policy": {KL: kl, ENTROPY: 2.0, MAX_ENTROPY: 4.0}}
    lengths = np.arange(1.0, episodes + 1, dtype=np.float32)[:, None]
    return IterationStats(lengths, 64, 256, (), learned, {}, 0.0, 0.0)


def test_iterations_are_counted_over_a_break() -> None:
    first = Progress(3, ("length",))
    first.advance(stats(2))
    first.advance(stats(4, kl=9.0))
    (news,) = first.news
    assert news.startswith("seeker_policy collapsed in iteration 2")
    first.time_total_s = 1.5

    second = Progress(3, ("length",))
    second.restore(first.counters(), first.window.get_state())
    assert second.counters() == first.counters()
    second.advance(stats(1))
    assert (second.iteration, second.env_steps, second.agent_steps) == (3, 192, 768)
    assert (second.episodes_completed, second.time_total_s) == (7, 1.5)
    assert second.window.means() == {"length": pytest.approx((3 + 4 + 1) / 3)}
    assert second.news[0].startswith("seeker_policy has recovered")


def test_an_older_checkpoint_restores_without_a_window_and_collapses() -> None:
    progress = Progress(3, ("length",))
    counters = {key: value for key, value in progress.counters().items() if key != "collapsed"}
    progress.restore({**counters, "iteration": 7}, {})
    assert (progress.iteration, len(progress.window)) == (7, 0)
    assert progress.collapse.warnings == []


def test_means_can_be_those_of_some_episodes() -> None:
    window = EpisodeWindow(9, ("length", "level"))
    window.extend(np.array([[10.0, 0.0], [20.0, 1.0], [40.0, 1.0]]))
    assert window.means(level=1) == {"length": 30.0, "level": 1.0}
    assert np.isnan(window.means(level=2)["length"])  # none of them: not known
    assert window.means(color=1) == window.means()  # not kept: all count


def test_the_window_holds_the_last_episodes_of_any_iterations() -> None:
    window = EpisodeWindow(3, ("length", "seen"))
    assert window.means() == pytest.approx({"length": math.nan, "seen": math.nan}, nan_ok=True)

    window.extend(np.array([[10.0, 1.0], [20.0, 0.0]]))
    window.extend(np.empty((0, 2)))
    assert window.means() == {"length": 15.0, "seen": 0.5}
    window.extend(np.array([[60.0, 0.0]]))
    window.extend(np.array([[100.0, 1.0]], np.float32))
    assert window.means() == {"length": 60.0, "seen": pytest.approx(1 / 3)}
    assert (len(window), window.episodes_completed) == (3, 4)

    window.extend(np.array([[float(i), 0.0] for i in range(10)]))  # more than it holds
    assert window.means() == {"length": 8.0, "seen": 0.0}
    assert window.episodes_completed == 14


def test_unknown_entries_do_not_count() -> None:
    window = EpisodeWindow(4, ("first_seen", "never"))
    window.extend(np.array([[8.0, np.nan], [np.nan, np.nan], [4.0, np.nan]]))
    assert window.means() == pytest.approx({"first_seen": 6.0, "never": math.nan}, nan_ok=True)


def test_a_restored_window_continues_to_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    window = EpisodeWindow(50, ("a", "b", "c"))
    window.extend(rng.normal(size=(73, 3)))
    state = window.get_state()

    restored = EpisodeWindow(50, ("a", "b", "c"))
    restored.set_state({key: value.copy() for key, value in state.items()})
    for _ in range(5):
        more = rng.normal(size=(7, 3))
        window.extend(more)
        restored.extend(more)
        assert restored.means() == window.means()
    assert restored.episodes_completed == window.episodes_completed == 108
    assert state["episodes"].shape == (50, 3)  # the state is a copy
    assert int(state["episodes_completed"]) == 73


def test_a_smaller_window_takes_the_newest_of_a_state() -> None:
    window = EpisodeWindow(4, ("a",))
    window.extend(np.arange(4.0)[:, None])
    small = EpisodeWindow(2, ("a",))
    small.set_state(window.get_state())
    assert small.means() == {"a": 2.5}


def test_other_columns_are_refused() -> None:
    window = EpisodeWindow(4, ("length", "seen"))
    with pytest.raises(ValueError, match=r"has size 2.*has size 3"):
        window.extend(np.zeros((3, 3)))
    state = EpisodeWindow(4, ("a", "b", "c")).get_state()
    with pytest.raises(ValueError, match=r"\[W, 2\] \(length, seen\), got \(0, 3\)"):
        window.set_state(state)


def test_statistics_added_since_a_state_are_unknown_for_its_episodes() -> None:
    older = EpisodeWindow(4, ("length",))
    older.extend(np.array([[3.0], [5.0]]))
    window = EpisodeWindow(4, ("length", "sealed"))
    window.set_state(older.get_state())
    assert window.means() == {"length": 4.0, "sealed": pytest.approx(np.nan, nan_ok=True)}
    window.extend(np.array([[7.0, 1.0], [9.0, 0.0]]))
    assert window.means() == {"length": 6.0, "sealed": 0.5}
    window.extend(np.array([[9.0, 0.0]]))
    assert window.means() == {"length": 7.5, "sealed": pytest.approx(1 / 3)}
