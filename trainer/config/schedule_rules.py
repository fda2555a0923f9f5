"""The schedules that the configuration asks for, and whether each of them is possible.

Takes groups of the configuration, not the whole: the schema calls it to validate itself.
"""

from __future__ import annotations

from collections.abc import Collection

from envs.game import GameSettings
from envs.hide_and_seek.config import ResolvedConfig
from envs.hide_and_seek.curriculum import Curriculum
from envs.hide_and_seek.parameters import SCHEDULABLE, TIMES
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.config.lr_schedule import lr_schedule
from trainer.config.ppo import SharedPPOGroup
from trainer.config.schedule_spec import ScheduleSpec, SharedSchedulesGroup
from trainer.schedules.curves import Schedule
from trainer.schedules.promotion import Criterion, Promotion
from trainer.schedules.scheduler import GAME, LOGIT_BIAS, STAGE, TEAM_SETTINGS

_MUST_BE_ABOVE_0 = ("clip_param", "kl_target")


def schedules_of(
    game: GameSettings, ppo: SharedPPOGroup, group: SharedSchedulesGroup
) -> dict[str, Schedule]:
    """The schedules that are asked for, by setting ("seeker/lr", "env/vision_angle").

    Args:
        game: with the values that hold where nothing is scheduled.
        ppo: the settings of the teams.
        group: the group `schedules`.

    Raises:
        ValueError: naming the key of a schedule that is not possible.
    """
    found: dict[str, Schedule] = {}
    for team in game.team_sizes:
        own = _settings_of_team(ppo, group, team)
        own |= _logit_bias_of_team(group, team, game.action_choices)
        found |= {f"{team}/{name}": schedule for name, schedule in own.items()}
    of_game = _of_game(game, group.env)
    return found | {f"{GAME}/{name}": schedule for name, schedule in of_game.items()}


def base_values(game: GameSettings, ppo: SharedPPOGroup) -> dict[str, float]:
    """The configured number behind every setting of a learner or the game that can be scheduled."""
    found = {
        f"{team}/{name}": float(getattr(ppo.team(team), name))
        for team in game.team_sizes
        for name in TEAM_SETTINGS
    }
    return found | {f"{GAME}/{name}": value for name, value in game.parameters.items()}


def promotion_of(game: GameSettings, scheduled: Collection[str]) -> Promotion | None:
    """Where a new run stands in the curriculum of its game; None: there is none to stand in.

    Args:
        game: what is played.
        scheduled: the settings that have a schedule. The stage may be one of them, which leaves
            nothing to promote.

    Raises:
        ValueError: the curriculum has two ways to go on.
    """
    curriculum: Curriculum | None = getattr(game, "curriculum", None)
    if curriculum is None:
        return None
    promote = curriculum.promote
    if promote is None:
        return None if STAGE in scheduled else Promotion(curriculum.levels)
    if STAGE in scheduled:
        raise ValueError(
            f"schedules.{GAME}.stage and {GAME}.curriculum.promote exclude each other; "
            "leave one of them out"
        )
    bound = promote.below if promote.above is None else promote.above
    assert bound is not None
    criterion = Criterion(
        game.metrics[promote.metric], bound, promote.above is not None, promote.iterations
    )
    return Promotion(curriculum.levels, criterion)


def _settings_of_team(
    ppo: SharedPPOGroup, both: SharedSchedulesGroup, team: str
) -> dict[str, Schedule]:
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


def _logit_bias_of_team(
    both: SharedSchedulesGroup, team: str, choices: tuple[str, ...]
) -> dict[str, Schedule]:
    own, found = both.team(team).logit_bias, {}
    for choice, spec in {**both.logit_bias, **own}.items():
        group = f"schedules.{team}" if choice in own else "schedules"
        key = f"{group}.{LOGIT_BIAS}.{choice}"
        if choice not in choices:
            near = nearest(choice, choices, alike=0.0)
            hint = (
                f"{group}.{LOGIT_BIAS}.{near}" if near else "none, this game has no names for them"
            )
            raise ValueError(f"{key}: no such action choice; nearest: {hint}")
        _check_unit(key, spec)
        found[f"{LOGIT_BIAS}.{choice}"] = _schedule(key, spec, 0.0)
    return found


def _of_game(game: GameSettings, specs: dict[str, ScheduleSpec]) -> dict[str, Schedule]:
    if {"prep_share", "prep_steps"} <= set(specs):
        raise ValueError("schedules.env: prep_share and prep_steps exclude each other")
    found: dict[str, Schedule] = {}
    base_values = game.parameters
    for name, spec in specs.items():
        key = f"schedules.env.{name}"
        if name not in base_values:
            if name == STAGE.removeprefix(f"{GAME}/") and isinstance(game, ResolvedConfig):
                raise ValueError(
                    f"unknown key '{key}' without a curriculum; give one in env.curriculum"
                )
            if name in SCHEDULABLE and isinstance(game, ResolvedConfig):
                raise ValueError(
                    f"{key}: in a curriculum {' and '.join(TIMES)} are each level's own; "
                    "set both under env to schedule them"
                )
            near = nearest(name, base_values, alike=0.0)
            hint = f"schedules.env.{near}" if near else "none, as this game has no parameters"
            raise ValueError(f"unknown key '{key}'; nearest: {hint}")
        _check_unit(key, spec)
        found[name] = schedule = _schedule(key, spec, base_values[name])
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


def _check_game(key: str, game: GameSettings, values: dict[str, float]) -> None:
    try:
        game.with_parameters(values)
    except ValueError as error:
        shown = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        raise ValueError(f"{key}: cannot reach {shown}: {error}") from None


def _check_unit(key: str, spec: ScheduleSpec) -> None:
    """Refuses to move a number within an iteration that runners only receive at its start."""
    if spec.step_on != "iteration":
        raise ValueError(f"{key}: step_on = {spec.step_on!r} is for the learner's own settings")
