"""The schedules that the configuration asks for, and whether each of them is possible.

Takes groups of the configuration, not the whole: the schema calls it to validate itself.
"""

from __future__ import annotations

from envs.hide_and_seek.config import SCHEDULABLE, ResolvedConfig
from envs.hide_and_seek.spaces import HEADS
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.config.lr_schedule import lr_schedule
from trainer.config.ppo import PPOGroup
from trainer.config.schedule_spec import SchedulesGroup, ScheduleSpec
from trainer.config.types import TEAMS
from trainer.schedules.curves import Schedule
from trainer.schedules.scheduler import GAME, LOGIT_BIAS, TEAM_SETTINGS

ACTION_CHOICES = tuple(f"{head}.{name}" for head, names in HEADS.items() for name in names)
"""The action choices in the order of the logits."""
_MUST_BE_ABOVE_0 = ("clip_param", "kl_target")


def schedules_of(game: ResolvedConfig, ppo: PPOGroup, group: SchedulesGroup) -> dict[str, Schedule]:
    """The schedules that are asked for, by setting ("seeker/lr", "env/vision_angle").

    Args:
        game: the resolved game.
        ppo: the settings of the teams.
        group: the group `schedules`.

    Raises:
        ValueError: naming the key of a schedule that is not possible.
    """
    found: dict[str, Schedule] = {}
    for team in TEAMS:
        own = _settings_of_team(ppo, group, team) | _logit_bias_of_team(group, team)
        found |= {f"{team}/{name}": schedule for name, schedule in own.items()}
    of_game = _of_game(game, group.env)
    return found | {f"{GAME}/{name}": schedule for name, schedule in of_game.items()}


def base_values(game: ResolvedConfig, ppo: PPOGroup) -> dict[str, float]:
    """The configured number behind every setting of a learner or the game that can be scheduled."""
    found = {
        f"{team}/{name}": float(getattr(ppo.team(team), name))
        for team in TEAMS
        for name in TEAM_SETTINGS
    }
    return found | {f"{GAME}/{name}": _base_value(game, name) for name in SCHEDULABLE}


def _base_value(game: ResolvedConfig, name: str) -> float:
    share = game.prep_steps / game.episode_steps
    return float(getattr(game, name, share))


def _settings_of_team(ppo: PPOGroup, both: SchedulesGroup, team: str) -> dict[str, Schedule]:
    settings, own = ppo.team(team), both.team(team)
    found = {}
    for name in TEAM_SETTINGS:
        spec, key = getattr(own, name), f"schedules.{team}.{name}"
        if spec is None:
            spec, key = getattr(both, name), f"schedules.{name}"
        if name == "lr" and (described := lr_schedule(settings)) is not None:
            if spec is not None:
                raise ValueError("schedules.lr and ppo.lr_schedule_type exclude each other")
            spec, key = described, "ppo.lr_schedule_type"
        if spec is None:
            continue
        found[name] = schedule = _schedule(key, spec, getattr(settings, name))
        for value in schedule.curve.extremes():
            if value < 0.0 or (value == 0.0 and name in _MUST_BE_ABOVE_0):
                raise ValueError(f"{key}: {name} cannot become {value:g}")
    return found


def _logit_bias_of_team(both: SchedulesGroup, team: str) -> dict[str, Schedule]:
    own, found = both.team(team).logit_bias, {}
    for choice, spec in {**both.logit_bias, **own}.items():
        group = f"schedules.{team}" if choice in own else "schedules"
        key = f"{group}.{LOGIT_BIAS}.{choice}"
        if choice not in ACTION_CHOICES:
            near = nearest(choice, ACTION_CHOICES, alike=0.0)
            raise ValueError(f"{key}: no such action choice; nearest: {near}")
        _check_unit(key, spec)
        found[f"{LOGIT_BIAS}.{choice}"] = _schedule(key, spec, 0.0)
    return found


def _of_game(game: ResolvedConfig, specs: dict[str, ScheduleSpec]) -> dict[str, Schedule]:
    if {"prep_share", "prep_steps"} <= set(specs):
        raise ValueError("schedules.env: prep_share and prep_steps exclude each other")
    found: dict[str, Schedule] = {}
    for name, spec in specs.items():
        key = f"schedules.env.{name}"
        if name not in SCHEDULABLE:
            near = nearest(name, SCHEDULABLE, alike=0.0)
            raise ValueError(f"unknown key '{key}'; nearest: {near}")
        _check_unit(key, spec)
        found[name] = schedule = _schedule(key, spec, _base_value(game, name))
        for factor in (1.0, 1.0 / (spec.warmup + 1.0), spec.bump.factor if spec.bump else 1.0):
            for value in schedule.curve.extremes():
                _check_game(key, game, {name: value * factor or value})
    if len(found) > 1:  # lengths that are possible one by one may not fit together
        for step in range(101):
            values = {name: schedule.curve.at(step / 100, 0) for name, schedule in found.items()}
            _check_game("schedules.env", game, values)
    return found


def _schedule(key: str, spec: ScheduleSpec, base_value: float) -> Schedule:
    try:
        return spec.schedule(base_value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _check_game(key: str, game: ResolvedConfig, values: dict[str, float]) -> None:
    try:
        game.with_parameters(values)
    except ValueError as error:
        shown = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        raise ValueError(f"{key}: cannot reach {shown}: {error}") from None


def _check_unit(key: str, spec: ScheduleSpec) -> None:
    """Refuse to move a number within an iteration that runners only receive at its start."""
    if spec.step_on != "iteration":
        raise ValueError(f"{key}: step_on = {spec.step_on!r} is for the learner's own settings")
