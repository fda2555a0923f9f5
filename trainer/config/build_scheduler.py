"""From the configuration to the schedules of a run, new or continued."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envs.hide_and_seek.config import SCHEDULABLE, HideAndSeekConfig, nearest
from envs.hide_and_seek.spaces import HEADS
from trainer.config.run_length import planned_iterations
from trainer.config.schedule_spec import ScheduleSpec
from trainer.config.types import TEAMS, ConfigError
from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import Continuation, ResumePolicy, continue_schedules
from trainer.schedules.curves import Cosine, Decay, Piecewise, Schedule, Step
from trainer.schedules.scheduler import GAME, LOGIT_BIAS, Scheduler

if TYPE_CHECKING:
    from trainer.config.schema import Config, TeamSettings

TEAM_SETTINGS = ("lr", "entropy_coeff", "clip_param", "vf_loss_coeff", "kl_target")
"""The settings of a team that can be scheduled."""
_MUST_BE_ABOVE_0 = ("clip_param", "kl_target")
ACTION_CHOICES = tuple(f"{head}.{name}" for head, names in HEADS.items() for name in names)
"""The action choices in the order of the logits."""


def lr_schedule(settings: TeamSettings) -> Schedule | None:
    """The schedule that `lr_schedule_type`, `_kwargs` and `_step_on` describe (ValueError).

    The value after n steps is that of torch's LambdaLR (linear), CosineAnnealingLR, ExponentialLR
    or StepLR.
    """
    kind, lr = settings.lr_schedule_type, settings.lr
    if kind is None:
        if settings.lr_schedule_kwargs:
            raise ValueError("lr_schedule_kwargs are given, but no lr_schedule_type")
        return None
    defaults: dict[str, float] = _LR_KWARGS[kind]
    for name in settings.lr_schedule_kwargs:
        if name not in defaults:
            known = ", ".join(defaults)
            raise ValueError(
                f"lr_schedule_kwargs: '{name}' is unknown for type {kind}; it takes {known}"
            )
    values = defaults | settings.lr_schedule_kwargs
    for name, value in values.items():
        if name.endswith("fraction") and not 0.0 <= value <= 1.0:
            raise ValueError(f"lr_schedule_kwargs: {name} = {value} must be from 0 to 1")
        if name == "gamma" and not 0.0 < value < math.inf:
            raise ValueError(f"lr_schedule_kwargs: {name} = {value} must be above 0")
        if name == "step_size" and not (value >= 1 and float(value).is_integer()):
            raise ValueError(f"lr_schedule_kwargs: {name} = {value} must be a whole number above 0")
    on = settings.lr_schedule_step_on
    if kind == "linear":
        # max(fraction, 1 - n / total): down to the fraction, and level from there on.
        low = values["final_lr_fraction"]
        corners = [(0.0, lr), (1.0 - low, lr * low), (1.0, lr * low)]
        return Schedule(Piecewise(tuple(dict(corners).items())), on)
    if kind == "cosine":
        return Schedule(Cosine(lr, lr * values["eta_min_fraction"]), on)
    if kind == "exponential":
        return Schedule(Decay(lr, values["gamma"]), on)
    return Schedule(Step(lr, values["gamma"], int(values["step_size"])), on)


_LR_KWARGS: dict[str, dict[str, float]] = {
    "linear": {"final_lr_fraction": 0.1},
    "cosine": {"eta_min_fraction": 0.0},
    "exponential": {"gamma": 0.995},
    "step": {"step_size": 1000, "gamma": 0.5},
}


def schedules_of(config: Config) -> dict[str, Schedule]:
    """The schedules that are asked for, by setting ("seeker/lr", "env/vision_angle").

    ValueError names the key of a schedule that cannot be.
    """
    found: dict[str, Schedule] = {}
    for team in TEAMS:
        found |= {f"{team}/{key}": value for key, value in _of_team(config, team).items()}
    return found | {f"{GAME}/{key}": value for key, value in _of_game(config).items()}


def plain_values(config: Config) -> dict[str, float]:
    """The number behind every setting of a learner or the game that can be scheduled."""
    game = config.game
    found = {
        f"{team}/{name}": float(getattr(config.ppo.team(team), name))
        for team in TEAMS
        for name in TEAM_SETTINGS
    }
    share = (game.prep_steps or 0) / (game.episode_steps or 1)
    for name in SCHEDULABLE:
        found[f"{GAME}/{name}"] = float(getattr(game, name, share))
    return found


def run_schedules(config: Config, until: int | None = None) -> Scheduler:
    """The schedules of a new run that is to end at iteration `until` (None: as configured)."""
    planned = max(planned_iterations(config), until or 0)
    total = config.schedules.total_iterations or planned
    alternate = config.train.alternate
    order = TEAMS if alternate.first == TEAMS[0] else TEAMS[::-1]
    return Scheduler.fresh(
        schedules_of(config),
        plain_values(config),
        total,
        Alternation(order, alternate.every),
        ACTION_CHOICES,
    )


def continued_schedules(
    config: Config,
    until: int,
    saved: Mapping[str, Any] | None,
    iteration: int,
    *,
    carry: bool = True,
) -> tuple[Scheduler, Continuation]:
    """The schedules of a run that goes on from `iteration` to `until`.

    `saved` is the state in the checkpoint; `carry`: what it schedules and `config` does not goes
    on. ValueError, KeyError or TypeError if it is no state.
    """
    group = config.schedules
    fixed = group.total_iterations is not None
    policy = ResumePolicy(group.mode, group.extend == "rescale", fixed, carry)
    return continue_schedules(run_schedules(config, until), saved, iteration, policy)


def with_schedules(config: Config, schedules: Mapping[str, Schedule]) -> Config:
    """A configuration that also has those schedules, by setting, that it does not mention."""
    values, known = config.to_dict(), schedules_of(config)
    for name, schedule in schedules.items():
        if name in known:
            continue
        owner, _, setting = name.partition("/")
        group = values["schedules"][owner]
        if setting.startswith(f"{LOGIT_BIAS}."):
            group, setting = group[LOGIT_BIAS], setting.removeprefix(f"{LOGIT_BIAS}.")
        group[setting] = schedule.to_dict()
    return type(config).from_dict(values)


def check_course(config: Config, schedules: Scheduler, until: int) -> None:
    """See that the game can be played with its scheduled numbers from now to iteration `until`.

    ConfigError names the iteration at which it could not.
    """
    game = config.game
    run = replace(schedules)
    for iteration in range(run.iteration, until, max(1, (until - run.iteration) // 2000)):
        run.iteration = iteration
        try:
            game.with_parameters(run.env_parameters())
        except ValueError as error:
            raise ConfigError(f"schedules.env: at iteration {iteration + 1}: {error}") from None


def _of_team(config: Config, team: str) -> dict[str, Schedule]:
    settings = config.ppo.team(team)
    both, own = config.schedules, getattr(config.schedules, team)
    found = {}
    for name in TEAM_SETTINGS:
        spec, where = getattr(own, name), f"schedules.{team}.{name}"
        if spec is None:
            spec, where = getattr(both, name), f"schedules.{name}"
        if spec is None:
            continue
        found[name] = schedule = _named(where, spec, getattr(settings, name))
        for value in schedule.curve.extremes():
            if value < 0.0 or (value == 0.0 and name in _MUST_BE_ABOVE_0):
                raise ValueError(f"{where}: {name} cannot become {value:g}")
    described = lr_schedule(settings)
    if described is not None and "lr" in found:
        raise ValueError("schedules.lr and ppo.lr_schedule_type exclude each other")
    if described is not None:
        found["lr"] = described
    for choice, spec in {**both.logit_bias, **own.logit_bias}.items():
        where = f"schedules.{team if choice in own.logit_bias else ''}.logit_bias.{choice}"
        where = where.replace("..", ".")
        _check_choice(where, choice)
        _only_by_iteration(where, spec)
        found[f"{LOGIT_BIAS}.{choice}"] = _named(where, spec, 0.0)
    return found


def _of_game(config: Config) -> dict[str, Schedule]:
    game, specs, plain = config.game, config.schedules.env, plain_values(config)
    if {"prep_share", "prep_steps"} <= set(specs):
        raise ValueError("schedules.env: prep_share and prep_steps exclude each other")
    found: dict[str, Schedule] = {}
    for name, spec in specs.items():
        key = f"schedules.env.{name}"
        if name not in SCHEDULABLE:
            raise ValueError(f"unknown key '{key}'; nearest: {nearest(name, list(SCHEDULABLE))}")
        _only_by_iteration(key, spec)
        found[name] = schedule = _named(key, spec, plain[f"{GAME}/{name}"])
        factors = [1.0, 1.0 / (spec.warmup + 1.0), spec.bump.factor if spec.bump else 1.0]
        for factor in factors:
            for value in schedule.curve.extremes():
                _check_game(key, game, {name: value * factor or value})
    if len(found) > 1:  # lengths that are possible one by one may not fit together
        for step in range(101):
            values = {name: schedule.curve.at(step / 100, 0) for name, schedule in found.items()}
            _check_game("schedules.env", game, values)
    return found


def _named(key: str, spec: ScheduleSpec, plain: float) -> Schedule:
    try:
        return spec.schedule(plain)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _check_game(key: str, game: HideAndSeekConfig, values: dict[str, float]) -> None:
    try:
        game.with_parameters(values)
    except ValueError as error:
        shown = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        raise ValueError(f"{key}: cannot reach {shown}: {error}") from None


def _check_choice(key: str, choice: str) -> None:
    if choice not in ACTION_CHOICES:
        near = nearest(choice, list(ACTION_CHOICES))
        raise ValueError(f"{key}: no such action choice; nearest: {near}")


def _only_by_iteration(key: str, spec: ScheduleSpec) -> None:
    if spec.step_on != "iteration":
        raise ValueError(f"{key}: step_on = {spec.step_on!r} is for the learner's own settings")
