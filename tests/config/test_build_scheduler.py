"""From a configuration to the scheduler of its run, new or resumed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainer.config.build_scheduler import (
    build_scheduler,
    check_game_schedules,
    resume_scheduler,
    with_schedules,
)
from trainer.config.loading import apply_overrides
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.schedules.curves import Constant, Linear, Schedule
from trainer.schedules.promotion import Criterion, Promotion

LINEAR = "{type: linear, end: 0.001}"


def config(*overrides: str) -> Config:
    return apply_overrides({}, overrides)


def test_every_setting_of_a_team_has_the_configured_value() -> None:
    values = build_scheduler(config("ppo.hider.lr=0.5", "env.prep_steps=8")).values()
    assert len(values) == 2 * 5
    assert (values["seeker/lr"], values["hider/lr"]) == (0.001, 0.5)
    assert build_scheduler(config("env.prep_steps=8")).base_values["env/prep_share"] == 8 / 80


def test_a_schedule_of_one_team_stands_before_that_of_both() -> None:
    scheduler = build_scheduler(
        config(f"schedules.lr={LINEAR}", "schedules.hider.lr=0.25", "ppo.hider.lr=0.5")
    )
    assert scheduler.configured == {
        "seeker/lr": Schedule(Linear(0.001, 0.001)),
        "hider/lr": Schedule(Constant(0.25)),
    }
    assert scheduler.scheduled == ["seeker/lr"]


LEVELS = "levels: [L0, L1, L2]"
PROMOTE = "promote: {metric: perfect_hide, above: 0.25, iterations: 5}"


def test_a_curriculum_goes_on_by_its_rule_by_a_schedule_or_never() -> None:
    def promotion(*overrides: str) -> Promotion | None:
        one = ("env.num_seekers=1", "env.num_hiders=1")
        return build_scheduler(config(*one, *overrides)).promotion

    levels = ("L0", "L1", "L2")
    criterion = Criterion("perfect_hide", 0.25, above=True, iterations=5)
    assert promotion(f"env.curriculum={{{LEVELS}, {PROMOTE}}}") == Promotion(levels, criterion)
    below = PROMOTE.replace("above", "below")
    found = promotion(f"env.curriculum={{{LEVELS}, {below}}}")
    assert found == Promotion(levels, replace(criterion, above=False))
    assert promotion(f"env.curriculum={{{LEVELS}}}") == Promotion(levels)
    assert promotion(f"env.curriculum={{{LEVELS}}}", "schedules.env.stage=1") is None
    assert promotion() is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((f"{LEVELS}, {PROMOTE}", "schedules.env.stage=1"), "schedules.env.stage and env.curric"),
        ((LEVELS, "schedules.env.stage={type: linear, end: 3}"), "cannot reach stage = 3: stage"),
        ((LEVELS, "schedules.env.stage={type: linear, end: -1}"), "cannot reach stage = -1: stage"),
        ((f"{LEVELS}, promote: {{metric: perfect_hid, above: 1}}",), "'perfect_hide'"),
        ((f"{LEVELS}, promote: {{metric: perfect_hide}}",), "needs above or below, a number"),
        ((f"{LEVELS}, promote: {{above: 0.5}}",), "promote.metric"),
    ],
)
def test_a_curriculum_with_two_ways_on_or_none_is_refused(
    overrides: tuple[str, ...], message: str
) -> None:
    curriculum, *others = overrides
    with pytest.raises(ConfigError, match=message):
        config(f"env.curriculum={{{curriculum}}}", *others)


def test_without_a_curriculum_no_stage_is_scheduled() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'schedules\.env\.stage'"):
        config("schedules.env.stage=0")


@pytest.mark.parametrize(
    ("overrides", "until", "total"),
    [
        ((), None, 300),
        (("ppo.num_iterations=50",), 20, 50),
        (("ppo.num_iterations=50",), 70, 70),
        (("schedules.total_iterations=40",), 70, 40),
    ],
)
def test_schedules_end_with_the_plan_or_the_run_unless_a_total_is_given(
    overrides: tuple[str, ...], until: int | None, total: int
) -> None:
    assert build_scheduler(config(*overrides), until).total == total


def test_the_first_turn_is_the_configured_teams() -> None:
    alternate = build_scheduler(config("train.alternate={every: 3, first: hider}")).alternation
    assert (alternate.trains("hider"), alternate.trains("seeker")) == (True, False)
    both = build_scheduler(Config()).alternation
    assert both.trains("hider")
    assert both.trains("seeker")


def test_a_resumed_run_takes_its_policy_from_the_configuration() -> None:
    given = config("schedules.entropy_coeff={type: linear, end: 0}", "ppo.num_iterations=10")
    old = build_scheduler(given)
    for _ in range(5):
        old.advance({})
    values = {}
    for mode in ("extend", "constant", "restart"):
        again = with_mode(given, mode)
        scheduler, report = resume_scheduler(again, 20, old.state(), 5)
        assert (scheduler.iteration, scheduler.total, report.mode) == (5, 20, mode)
        scheduler.advance({})
        values[mode] = scheduler.values()["hider/entropy_coeff"]
    assert values == pytest.approx(
        {"extend": 0.005 * 14 / 15, "constant": 0.005, "restart": 0.01 * 14 / 15}
    )
    silent = config("ppo.num_iterations=10")
    kept, _ = resume_scheduler(silent, 10, old.state(), 5)
    assert kept.values()["hider/entropy_coeff"] == 0.005
    dropped, _ = resume_scheduler(silent, 10, old.state(), 5, carry=False)
    assert dropped.values()["hider/entropy_coeff"] == 0.01


def with_mode(given: Config, mode: str) -> Config:
    schedules = given.schedules.model_copy(update={"mode": mode})
    return given.model_copy(update={"schedules": schedules})


def test_carried_schedules_are_written_where_the_configuration_has_none() -> None:
    own = config("schedules.hider.lr=0.25")
    carried = {
        "hider/lr": Schedule(Constant(0.5)),
        "seeker/lr": Schedule(Linear(0.1, 0.2), warmup=3),
        "seeker/logit_bias.forward.ahead": Schedule(Constant(1.0)),
        "env/vision_range": Schedule(Linear(9.0, 5.0)),
    }
    found = with_schedules(own, carried)
    assert found.configured_schedules == carried | {"hider/lr": Schedule(Constant(0.25))}
    assert with_schedules(own, {}) == own


def test_a_copy_has_the_schedules_of_its_own_groups() -> None:
    """They are computed once for a configuration, and not again for each of its users."""
    one = config(f"schedules.lr={LINEAR}")
    assert one.configured_schedules is one.configured_schedules
    other = one.model_copy(update={"schedules": Config().schedules})
    assert dict(other.configured_schedules) == {}
    assert len(one.configured_schedules) == 2
    assert one == Config.from_dict(one.to_dict())
    assert "configured_schedules" not in one.to_dict()


def test_a_game_that_becomes_impossible_is_refused_with_the_iteration() -> None:
    possible = config(
        "ppo.num_iterations=10",
        "env={prep_steps: 20, episode_steps: 80}",
        "schedules.env={episode_steps: {type: linear, end: 40}}",
    )
    check_game_schedules(possible, build_scheduler(possible), 10)
    other = config("ppo.num_iterations=10", "env={prep_steps: 60, episode_steps: 80}")
    with pytest.raises(ConfigError, match=r"^schedules\.env: at iteration 6: prep_steps must be"):
        check_game_schedules(other, build_scheduler(possible), 10)
