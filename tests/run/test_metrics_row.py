"""The row of an iteration: counters, means, times and the settings in effect."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from envs.hide_and_seek.spaces import STAGES
from trainer.config.loading import apply_overrides
from trainer.config.schema import Config
from trainer.ppo.progress import IterationStats, Progress
from trainer.reporting.metrics import describe_opponents, empty_row
from trainer.run.metrics_row import Lap, metrics_row

GAME = Config().played
TEAMS = ("seeker", "hider")
NAMES = ("length", "seeker_return", "hider_return", "perfect_hide")
EPISODES = np.array([[10, -4, 4, 0], [30, 2, -2, 1]], np.float32)
LEARNED = {"kl": 0.01, "entropy": 2.5, "rows": 64}  # rows are no metric


def stats(episodes: np.ndarray = EPISODES) -> IterationStats:
    learned = {"seeker_policy": LEARNED, "hider_policy": LEARNED | {"kl": math.nan}}
    settings = {"seeker/lr": 0.5, "env/vision_angle": 90.0}
    return IterationStats(episodes, 100, 400, (2, 3), learned, settings, 0.5, 1.0)


def test_a_row_tells_the_iteration_just_counted() -> None:
    progress = Progress(10, NAMES)
    progress.advance(stats())
    progress.advance(stats())
    progress.time_total_s = 9.0
    row = metrics_row(progress, stats(), Lap(total_s=4.0, save_s=0.25), GAME)
    assert set(row) == set(empty_row()) | {"env/vision_angle"}
    expected = {
        **{"iteration": 2, "env_steps": 200, "agent_steps": 800},
        **{"episodes_completed": 4, "episodes_this_iter": 2, "runners_missing": 2},
        **{"episode_len_mean": 20.0, "reward_mean": 1.0, "hider_reward": 1.0},
        **{"seeker_reward": -1.0, "perfect_hide": 0.5, "seen_fraction": math.nan},
        **{"seeker/kl": 0.01, "hider/kl": math.nan, "hider/entropy": 2.5},
        **{"seeker/lr": 0.5, "env/vision_angle": 90.0},
        **{"time/sample_s": 0.5, "time/learn_s": 1.0, "time/save_s": 0.25},
        **{"time/other_s": 2.25, "time/iteration_s": 4.0, "time/total_s": 9.0},
        "agent_steps_per_s": 100.0,
    }
    assert {key: row[key] for key in expected} == pytest.approx(expected, nan_ok=True)


def test_a_row_has_the_games_against_earlier_policies_where_there_are_any() -> None:
    progress = Progress(10, NAMES)
    some = replace(stats(), wins={"seeker": 0.25, "hider": math.nan}, live=np.array([False, True]))
    progress.advance(some)
    row = metrics_row(progress, some, Lap(4.0, 0.25), GAME)
    assert set(row) == set(empty_row()) | {"env/vision_angle"} | set(describe_opponents(TEAMS))
    assert row["opponents/seeker_wins"] == 0.25
    assert (row["episodes_this_iter"], row["episodes_completed"]) == (2, 2)
    assert row["episode_len_mean"] == 30  # of the present policies alone


def test_a_row_has_the_stages_that_its_level_has() -> None:
    names = (*NAMES, *STAGES)
    episodes = np.hstack([EPISODES, np.arange(2.0 * len(STAGES)).reshape(2, -1)])
    told = {}
    for level in ("L0", "L3", "L4"):
        game = apply_overrides({}, [f"env.level={level}"]).played
        progress = Progress(10, names)
        progress.advance(stats(episodes))
        row = metrics_row(progress, stats(episodes), Lap(4.0, 0.25), game)
        told[level] = {key: row[key] for key in STAGES if key in row}
    means = dict(zip(STAGES, episodes[:, len(NAMES) :].mean(axis=0).tolist(), strict=True))
    assert told["L0"] == {}
    assert told["L3"] == {k: v for k, v in means.items() if "ramp" not in k and "cross" not in k}
    assert told["L4"] == means


def test_a_curriculum_tells_its_present_level_apart() -> None:
    game = apply_overrides({}, ["env.curriculum.levels=[L0, L3]"]).played
    episodes = np.array([[80, -4, 4, 1, 0, 0], [240, 2, -2, 0, 1, 1], [240, 2, -2, 1, 1, 0]])
    progress = Progress(10, (*NAMES, "level", "sealed"))
    for stage, sealed, hidden in ((0.0, 0.0, 1.0), (1.0, 0.5, 0.5)):
        told = replace(stats(episodes), settings={"env/stage": stage})
        progress.advance(told)
        row = metrics_row(progress, told, Lap(4.0, 0.25), game)
        assert row["newest/sealed"] == sealed
        assert row["newest/perfect_hide"] == hidden
        assert row["sealed"] == pytest.approx(1 / 3)
        assert row["level"] == pytest.approx(2 / 3)
        assert "newest/level" not in row
        measured = set(empty_row(game=game.metrics)) | {"env/stage"}
        assert set(row) == measured


def test_without_episodes_and_time_nothing_is_divided_by_zero() -> None:
    progress = Progress(10, NAMES)
    nothing = stats(np.zeros((0, 4), np.float32))
    progress.advance(nothing)
    row = metrics_row(progress, nothing, Lap(0.0, 0.0), GAME)
    assert math.isnan(row["reward_mean"])
    assert math.isnan(row["agent_steps_per_s"])
    assert row["time/other_s"] == 0.0


def test_an_evaluation_is_part_of_the_row_and_its_time_is_not_other_time() -> None:
    progress = Progress(10, NAMES)
    progress.advance(stats())
    unknown = {"evaluation/score": math.nan, "time/evaluation_s": math.nan}
    known = {"evaluation/score": 0.75, "time/evaluation_s": 0.5}
    for evaluation, other in ((unknown, 2.25), (known, 1.75)):
        row = metrics_row(progress, stats(), Lap(4.0, 0.25), GAME, evaluation)
        told = {key: row[key] for key in evaluation}
        assert told == pytest.approx(evaluation, nan_ok=True)
        assert row["time/other_s"] == pytest.approx(other)
