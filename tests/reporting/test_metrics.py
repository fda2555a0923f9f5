"""The names of the figures."""

from __future__ import annotations

import math

from envs.hide_and_seek.spaces import STAGES as COUNTED
from trainer.evaluation.ratings import START
from trainer.reporting.metrics import (
    RANDOM_RATING,
    STAGES,
    TEAM_COLORS,
    describe_metrics,
    empty_row,
    team_color,
    teams_of,
)


def test_a_row_has_the_agreed_keys() -> None:
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


def test_every_stage_that_the_game_counts_is_described() -> None:
    assert tuple(STAGES) == COUNTED
    described = describe_metrics(game=("perfect_hide", "sealed"))
    assert described["sealed"] == STAGES["sealed"]
    assert "door_blocked" not in described
    assert math.isnan(empty_row(game=COUNTED)["hider_box_prep"])


def test_a_curriculum_has_the_means_of_its_present_level_too() -> None:
    described = describe_metrics(game=("sealed", "level"))
    assert described["newest/sealed"] == f"{STAGES['sealed']}; of the present level"
    assert "newest/level" not in described
    assert not any("newest" in key for key in describe_metrics(game=("sealed",)))


def test_random_players_have_the_rating_that_everybody_begins_with() -> None:
    assert START.mu == RANDOM_RATING


def test_an_evaluated_run_has_a_number_for_each_opponent() -> None:
    opponents = {"seeker": ("random", "runner", "past"), "hider": ("random",)}
    row = empty_row(opponents=opponents)
    found = [key.removeprefix("evaluation/") for key in row if key.startswith("evaluation/")]
    assert found == [
        *("score", "seeker", "hider", "seeker_rating", "hider_rating"),
        *("seeker_vs_random", "seeker_vs_runner", "seeker_vs_past", "hider_vs_random"),
    ]
    assert math.isnan(row["time/evaluation_s"])
    assert teams_of(row) == ("seeker", "hider")
    assert describe_metrics(opponents={}) == describe_metrics()


def test_another_game_has_its_own_teams_and_metrics_instead() -> None:
    row = empty_row(("red",), {"game/highest": "highest"})
    assert teams_of(row) == ("red",)
    assert "game/highest" in row
    assert "red_reward" in row
    assert not {"seen_fraction", "hider_reward"} & set(row)


def test_teams_keep_their_colors() -> None:
    assert team_color("seeker") == TEAM_COLORS["seeker"] == "#E4572E"
    assert team_color("hider", index=5) == "#2E86AB"
    assert len({team_color("red", 0), team_color("blue", 1), *TEAM_COLORS.values()}) == 4
