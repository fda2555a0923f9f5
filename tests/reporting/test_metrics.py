"""The names of the figures, and the window over finished episodes."""

import math

import numpy as np
import pytest

from trainer.reporting.metrics import (
    TEAM_COLORS,
    EpisodeWindow,
    describe_metrics,
    empty_row,
    team_color,
    teams_of,
)


def test_a_row_has_the_agreed_keys():
    team = ["kl", "kl_coeff", "entropy", "policy_loss", "vf_loss", "vf_explained_var"]
    team += ["grad_norm", "clip_fraction", "trained"]
    team += ["lr", "entropy_coeff", "clip_param", "vf_loss_coeff", "kl_target"]
    agreed = ["iteration", "env_steps", "agent_steps", "episodes_completed", "episodes_this_iter"]
    agreed += ["runners_missing"]
    agreed += ["reward_mean", "seeker_reward", "hider_reward", "episode_len_mean"]
    agreed += ["seen_fraction", "first_seen_step", "perfect_hide", "agent_steps_per_s"]
    agreed += [f"time/{key}_s" for key in ("sample", "learn", "other", "save")]
    agreed += ["time/iteration_s", "time/total_s"]
    agreed += [f"{t}/{key}" for t in ("seeker", "hider") for key in team]

    row = empty_row()
    assert sorted(row) == sorted(agreed) == sorted(describe_metrics())
    assert teams_of(row) == ("seeker", "hider")
    assert all(value == 0 or math.isnan(value) for value in row.values())
    assert math.isnan(row["reward_mean"])
    assert row["env_steps"] == 0


def test_teams_keep_their_colors():
    assert team_color("seeker") == TEAM_COLORS["seeker"] == "#E4572E"
    assert team_color("hider", index=5) == "#2E86AB"
    assert len({team_color("red", 0), team_color("blue", 1), *TEAM_COLORS.values()}) == 4


def test_the_window_holds_the_last_episodes_of_any_iterations():
    window = EpisodeWindow(3, ("length", "seen"))
    assert window.means() == pytest.approx({"length": math.nan, "seen": math.nan}, nan_ok=True)

    window.extend(np.array([[10.0, 1.0], [20.0, 0.0]]))
    window.extend(np.empty((0, 2)))
    assert window.means() == {"length": 15.0, "seen": 0.5}
    window.extend(np.array([60.0, 0.0]))
    window.extend(np.array([[100.0, 1.0]], np.float32))
    assert window.means() == {"length": 60.0, "seen": pytest.approx(1 / 3)}
    assert (len(window), window.episodes_completed) == (3, 4)

    window.extend(np.array([[float(i), 0.0] for i in range(10)]))  # more than it holds
    assert window.means() == {"length": 8.0, "seen": 0.0}
    assert window.episodes_completed == 14


def test_unknown_entries_do_not_count():
    window = EpisodeWindow(4, ("first_seen", "never"))
    window.extend(np.array([[8.0, np.nan], [np.nan, np.nan], [4.0, np.nan]]))
    assert window.means() == pytest.approx({"first_seen": 6.0, "never": math.nan}, nan_ok=True)


def test_a_restored_window_goes_on_to_the_same_bits():
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


def test_a_smaller_window_takes_the_newest_of_a_state():
    window = EpisodeWindow(4, ("a",))
    window.extend(np.arange(4.0)[:, None])
    small = EpisodeWindow(2, ("a",))
    small.set_state(window.get_state())
    assert small.means() == {"a": 2.5}


def test_wrong_shapes_name_the_columns():
    window = EpisodeWindow(4, ("length", "seen"))
    with pytest.raises(ValueError, match=r"\[E, 2\] \(length, seen\), got \(3, 3\)"):
        window.extend(np.zeros((3, 3)))
    state = EpisodeWindow(4, ("a",)).get_state()
    with pytest.raises(ValueError, match=r"\[W, 2\] \(length, seen\), got \(0, 1\)"):
        window.set_state(state)
    with pytest.raises(ValueError, match="at least 1 episode, got 0"):
        EpisodeWindow(0, ("a",))
