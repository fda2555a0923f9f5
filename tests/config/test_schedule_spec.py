"""The group `schedules`: what a schedule is given by, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainer.config.ppo import TeamSettings
from trainer.config.schedule_spec import SchedulesGroup, ScheduleSpec, TeamSchedules
from trainer.schedules.continuation import MODES
from trainer.schedules.curves import (
    Bump,
    Constant,
    Cosine,
    Decay,
    Exponential,
    Linear,
    Piecewise,
    Schedule,
    Step,
)
from trainer.schedules.scheduler import TEAM_SETTINGS


def spec(values: Any) -> ScheduleSpec:
    return ScheduleSpec.model_validate(values)


@pytest.mark.parametrize(
    ("values", "schedule"),
    [
        (0.5, Schedule(Constant(0.5))),
        ({"type": "constant", "value": 2}, Schedule(Constant(2.0))),
        ({"type": "linear", "end": 1.0}, Schedule(Linear(8.0, 1.0))),
        ({"type": "cosine", "start": 3.0, "end": 1.0}, Schedule(Cosine(3.0, 1.0))),
        ({"type": "exponential", "end": 1.0}, Schedule(Exponential(8.0, 1.0))),
        ({"type": "exponential", "gamma": 0.5}, Schedule(Decay(8.0, 0.5))),
        ({"type": "step", "gamma": 0.5, "step_size": 3}, Schedule(Step(8.0, 0.5, 3))),
        ({"type": "piecewise", "points": [[0, 1], [1, 2]]}, Schedule(Piecewise(((0, 1), (1, 2))))),
        (
            {"type": "linear", "end": 1.0, "warmup": 5, "step_on": "update"},
            Schedule(Linear(8.0, 1.0), "update", 5),
        ),
        (
            {"type": "constant", "value": 1, "bump": {"factor": 3.0, "updates": 2}},
            Schedule(Constant(1.0), bump=Bump(3.0, 2)),
        ),
    ],
)
def test_a_spec_becomes_a_schedule_that_begins_at_the_base_value(
    values: Any, schedule: Schedule
) -> None:
    assert spec(values).schedule(base_value=8.0) == schedule
    assert spec(spec(values).model_dump(mode="json")) == spec(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (True, "expected a number, or a schedule such as"),
        ("linear", "expected a number, or a schedule such as"),
        (
            {"type": "linear", "end": 1.0, "gamma": 0.5},
            "type linear needs end and may have start, but has",
        ),
        (
            {"type": "exponential", "end": 1.0, "gamma": 0.5},
            "needs end or gamma and may have start",
        ),
        (
            {"type": "step", "gamma": 0.5},
            "needs gamma and step_size and may have start, but has gamma",
        ),
        ({"type": "constant", "start": 1.0}, "type constant needs value, but has start"),
        ({"type": "sine"}, "Input should be 'constant'"),
    ],
)
def test_parameters_of_another_curve_are_refused(values: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        spec(values)


def test_a_curve_that_cannot_start_at_the_base_value_is_refused() -> None:
    with pytest.raises(ValueError, match="must both be above"):
        spec({"type": "exponential", "end": 1.0}).schedule(base_value=0.0)


def test_the_settings_that_can_be_scheduled_are_the_same_everywhere() -> None:
    assert set(TeamSchedules.model_fields) - {"logit_bias"} == set(TEAM_SETTINGS)
    assert set(TEAM_SETTINGS) < set(TeamSettings.model_fields)
    for mode in MODES:
        assert SchedulesGroup.model_validate({"mode": mode}).mode == mode


@pytest.mark.parametrize(
    "values",
    [
        {"env": {"vision_angle": None}},
        {"logit_bias": {"forward.ahead": None}},
        {"hider": {"logit_bias": {"forward.ahead": None}}},
        {"lr": None},
    ],
)
def test_null_is_no_schedule(values: dict[str, Any]) -> None:
    assert SchedulesGroup.model_validate(values) == SchedulesGroup()
