"""Schedules that are not possible are refused with their key, group by group."""

from __future__ import annotations

from typing import Any

import pytest

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.config.ppo import PPOGroup
from trainer.config.schedule_rules import base_values, schedules_of
from trainer.config.schedule_spec import SchedulesGroup
from trainer.schedules.curves import Constant, Cosine, Linear, Schedule

GAME = HideAndSeekConfig().resolved()


def found(schedules: dict[str, Any], ppo: dict[str, Any] | None = None) -> dict[str, Schedule]:
    group = SchedulesGroup.model_validate(schedules)
    return schedules_of(GAME, PPOGroup.model_validate(ppo or {}), group)


def test_a_schedule_for_both_teams_is_one_for_each() -> None:
    linear = {"type": "linear", "end": 0.0}
    assert found({"entropy_coeff": linear}, {"hider": {"entropy_coeff": 0.5}}) == {
        "seeker/entropy_coeff": Schedule(Linear(0.01, 0.0)),
        "hider/entropy_coeff": Schedule(Linear(0.5, 0.0)),
    }


def test_a_team_may_have_the_schedule_of_torch_and_the_other_its_own() -> None:
    ppo = {"hider": {"lr_schedule_type": "cosine"}}
    assert found({"seeker": {"lr": 0.5}}, ppo) == {
        "seeker/lr": Schedule(Constant(0.5)),
        "hider/lr": Schedule(Cosine(0.001, 0.0), "epoch"),
    }
    with pytest.raises(ValueError, match=r"schedules\.lr and ppo\.lr_schedule_type exclude"):
        found({"lr": 0.5}, ppo)


def test_a_bias_is_of_one_team_or_of_both() -> None:
    bias = {"logit_bias": {"forward.ahead": 1.0}, "hider": {"logit_bias": {"forward.ahead": 2.0}}}
    assert found(bias) == {
        "seeker/logit_bias.forward.ahead": Schedule(Constant(1.0)),
        "hider/logit_bias.forward.ahead": Schedule(Constant(2.0)),
    }


def test_the_base_values_are_those_of_the_groups() -> None:
    values = base_values(GAME, PPOGroup.model_validate({"seeker": {"lr": 0.5}}))
    assert (values["seeker/lr"], values["hider/lr"]) == (0.5, 0.001)
    assert (values["env/prep_steps"], values["env/prep_share"]) == (20.0, 0.25)


@pytest.mark.parametrize(
    ("schedules", "message"),
    [
        ({"clip_param": 0.0}, r"^schedules\.clip_param: clip_param cannot become 0"),
        ({"hider": {"lr": -1.0}}, r"^schedules\.hider\.lr: lr cannot become -1"),
        ({"logit_bias": {"forward.ahed": 1}}, r"^schedules\.logit_bias\.forward\.ahed: no such"),
        (
            {"seeker": {"logit_bias": {"grab.hol": 1}}},
            r"^schedules\.seeker\.logit_bias\.grab\.hol: .*; nearest: .*_bias\.grab\.hold",
        ),
        (
            {"logit_bias": {"grab.hold": {"type": "linear", "end": 1, "step_on": "epoch"}}},
            r"logit_bias\.grab\.hold: step_on = 'epoch' is for the learner's own settings",
        ),
        (
            {"env": {"vision_rang": 9}},
            r"'schedules\.env\.vision_rang'; nearest: schedules\.env\.vision_r",
        ),
        ({"env": {"prep_share": 0.5, "prep_steps": 9}}, "prep_share and prep_steps exclude each"),
        ({"env": {"vision_angle": 400}}, r"cannot reach vision_angle = 400: vision_angle must be"),
        (
            {"env": {"vision_range": {"type": "constant", "value": 9, "step_on": "update"}}},
            "step_on = 'update' is for",
        ),
        (
            {"env": {"prep_steps": 70, "episode_steps": {"type": "linear", "end": 60}}},
            r"^schedules\.env: cannot reach prep_steps = 70, episode_steps = 70\.4: prep_",
        ),
        ({"lr": {"type": "exponential", "end": -1.0}}, r"^schedules\.lr: start and end must both"),
    ],
)
def test_an_impossible_schedule_is_refused_by_its_key(
    schedules: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        found(schedules)


@pytest.mark.parametrize(
    ("ppo", "message"),
    [
        ({"lr_schedule_kwargs": {"gamma": 0.5}}, "are given, but no lr_schedule_type"),
        ({"lr_schedule_type": "linear", "lr_schedule_kwargs": {"final_lr_fraction": 2}}, "from 0"),
        ({"lr_schedule_type": "step", "lr_schedule_kwargs": {"step_size": 1e12}}, "whole number"),
        ({"lr_schedule_type": "step", "lr_schedule_kwargs": {"step_size": 0}}, "whole number"),
        ({"lr_schedule_type": "cosine", "lr_schedule_kwargs": {"gamma": 0.5}}, "takes eta_min_fra"),
    ],
)
def test_arguments_that_do_not_fit_a_schedule_of_torch_are_refused(
    ppo: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        found({}, ppo)
