"""Mistakes in the settings of levels and curricula are answered with the right key."""

from __future__ import annotations

import pytest

from trainer.config.loading import apply_overrides
from trainer.config.types import ConfigError

LEVELS = "levels: [L1, L2]"


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        apply_overrides({}, ["env.level=L1", *overrides])
    return str(caught.value)


@pytest.mark.parametrize(
    ("curriculum", "message"),
    [
        ("{levels: [L1, L2], earlyer_share: 0.1}", "nearest: env.curriculum.earlier_share"),
        ("{level: [L1, L2]}", "nearest: env.curriculum.levels"),
        ("{levels: [L1, L2], promote: {metrics: sealed}}", "env.curriculum.promote.metric"),
        ("{levels: [L1, L2], qqq: 1}", "there is: levels, earlier_share, promote"),
        ("{levels: [L1]}", "env.curriculum.levels = ['L1']: needs at least 2 entries"),
        ("{levels: [L1, L7]}", "level 'L7' is unknown; did you mean 'L"),
        ("[L1, L2]", "env.curriculum = ['L1', 'L2']: expected keys with values"),
        ("{levels: [L2, L3]}", "level must be the first of curriculum.levels, 'L2', got 'L1'"),
        (
            "{levels: [L1, L2], promote: {metric: sealed, above: high}}",
            "env.curriculum.promote.above = 'high': expected a number",
        ),
        (
            "{levels: [L1, L2], promote: {metric: level, above: 0}}",
            "curriculum.promote.metric: 'level' is unknown",
        ),
        (
            "{levels: [L1, L2], promote: {metric: sealed, above: 1}}",
            "env.curriculum.promote: sealed is never above 1: it is a share, 0 to 1",
        ),
        (
            "{levels: [L1, L2], promote: {metric: hider_box_prep, below: 0}}",
            "env.curriculum.promote: hider_box_prep is never below 0: it is at least 0",
        ),
    ],
)
def test_mistakes_in_a_curriculum(curriculum: str, message: str) -> None:
    assert message in refusal(f"env.curriculum={curriculum}")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env.num_boxes=5", "env.num_boxes = 5: must be at most 4"),
        ("env.num_boxes=-1", "env.num_boxes = -1: must be at least 0"),
        ("env.num_ramps=3", "env.num_ramps = 3: must be at most 2"),
        ("env.num_ramps=1.5", "env.num_ramps = 1.5: expected a whole number"),
        ("env.num_box=2", "unknown key 'env.num_box'; nearest: env.num_boxes"),
    ],
)
def test_mistakes_in_the_numbers_of_objects(override: str, message: str) -> None:
    assert message in refusal(override)


def test_the_stage_can_be_scheduled_within_the_levels_there_are() -> None:
    game = ["env.level=L1", "env.curriculum={levels: [L1, L2]}"]
    stage = "schedules.env.stage={type: piecewise, points: [[0.0, 0], [0.5, %s]]}"
    assert apply_overrides({}, [*game, stage % 1]).configured_schedules.keys() == {"env/stage"}
    assert "stage must be from 0 to 1" in refusal(*game[1:], stage % 2)
    assert "'schedules.env.stage' without a curriculum; give one in env" in refusal(stage % 1)


@pytest.mark.parametrize(
    "promote", ["{metric: sealed, above: 0.99}", "{metric: hider_box_prep, above: 5}"]
)
def test_a_bound_that_can_be_reached(promote: str) -> None:
    curriculum = f"env.curriculum={{levels: [L1, L2], promote: {promote}}}"
    assert apply_overrides({}, ["env.level=L1", curriculum]).env.curriculum


@pytest.mark.parametrize("name", ["prep_steps", "prep_share", "episode_steps"])
def test_times_of_each_level_s_own_cannot_be_scheduled(name: str) -> None:
    game = ["env.level=L1", "env.curriculum={levels: [L1, L2]}"]
    schedule = "schedules.env.%s={type: constant, value: %s}"
    value = {"prep_steps": 30, "prep_share": 0.3, "episode_steps": 90}[name]
    assert "set both under env" in refusal(*game[1:], schedule % (name, value))
    fixed = ["env.prep_steps=20", "env.episode_steps=100"]
    assert apply_overrides({}, [*game, *fixed, schedule % (name, value)])
