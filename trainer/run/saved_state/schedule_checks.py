"""Checks the schedule state in a checkpoint before schedules are made of it.

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.checkpoints.safe_io.plain_values import finite, flag, mapping, whole
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.schedules.curves import Schedule
from trainer.schedules.scheduler import GAME, LOGIT_BIAS

_MAX_SETTINGS = 200
_MAX_POINTS = 10_000
_MAX_NAME = 100
_KEYS = ("total", "iteration", "taken", "alternation", "plain", "configured", "running")
_PROMOTION = "promotion"  # of a run with a curriculum
_COURSE = ("total", "origin", "progress", "first_step", "began")
_LARGEST = 1e300  # of a value: a schedule that blows the weights up must not block the way back


def check_schedule_state(state: Any, iteration: int, teams: tuple[str, ...]) -> None:
    """Checks that `Scheduler.state` can have returned this after `iteration` iterations.

    Raises:
        ValueError: names the place and the value that does not fit.
    """
    known = (*_KEYS, _PROMOTION) if _PROMOTION in mapping(state, "schedules") else _KEYS
    mapping(state, "schedules", known)
    if whole(state["iteration"], "schedules.iteration") != iteration:
        raise ValueError(f"schedules.iteration = {state['iteration']}, and not {iteration}")
    whole(state["total"], "schedules.total", 1)
    for team, steps in mapping(state["taken"], "schedules.taken", teams).items():
        for name, count in mapping(steps, f"taken.{team}", ("epochs", "updates")).items():
            whole(count, f"schedules.taken.{team}.{name}")
    _check_alternation(state["alternation"], iteration, teams)
    if _PROMOTION in state:
        _check_promotion(state[_PROMOTION], iteration)
    for part in ("plain", "configured", "running"):
        if len(mapping(state[part], f"schedules.{part}")) > _MAX_SETTINGS:
            raise ValueError(f"schedules.{part} has {len(state[part])} settings")
        for name in state[part]:
            _check_name(name, state["plain"], teams)
    for name, value in state["plain"].items():
        _check_value(value, name)
    for name, entry in state["configured"].items():
        _check_schedule(entry, name)
    for name, entry in state["running"].items():
        mapping(entry, name, ("schedule", "course"))
        _check_schedule(entry["schedule"], name)
        _check_course(entry["course"], name, iteration)


def _check_alternation(state: Any, iteration: int, teams: tuple[str, ...]) -> None:
    if state is None:
        return
    mapping(state, "alternation", ("team", "done", "switches"))
    if state["team"] not in teams:
        raise ValueError(f"alternation.team = {shown(state['team'])}, not {' or '.join(teams)}")
    whole(state["done"], "alternation.done", 0, iteration)
    whole(state["switches"], "alternation.switches", 0, iteration)


def _check_promotion(state: Any, iteration: int) -> None:
    mapping(state, _PROMOTION, ("level", "stage", "streak", "criterion"))
    _check_word(state["level"], f"{_PROMOTION}.level")
    whole(state["stage"], f"{_PROMOTION}.stage", 0, max(iteration, _MAX_SETTINGS))
    whole(state["streak"], f"{_PROMOTION}.streak", 0, iteration)
    if (criterion := state["criterion"]) is None:
        return
    mapping(criterion, f"{_PROMOTION}.criterion", ("metric", "bound", "above", "iterations"))
    _check_word(criterion["metric"], f"{_PROMOTION}.criterion.metric")
    _check_value(criterion["bound"], f"{_PROMOTION}.criterion.bound")
    flag(criterion["above"], f"{_PROMOTION}.criterion.above")
    whole(criterion["iterations"], f"{_PROMOTION}.criterion.iterations", 1)


def _check_word(value: Any, name: str) -> None:
    if not isinstance(value, str) or len(value) > _MAX_NAME or not value.isprintable():
        raise ValueError(f"{name} = {shown(value)}, not a name")


def _check_name(name: Any, plain: Mapping[str, Any], teams: tuple[str, ...]) -> None:
    """A setting of a team or the game that has a plain number, or a bias."""
    owner, _, setting = str(name).partition("/")
    known = name in plain or setting.startswith(f"{LOGIT_BIAS}.")
    if not known or owner not in (*teams, GAME):
        raise ValueError(f"schedules of {shown(name)}, which is no setting")


def _check_schedule(entry: Any, name: str) -> None:
    mapping(entry, name)
    for key, value in entry.items():
        where = f"{name}: {key}"
        if key == "points":
            if not isinstance(value, list) or len(value) > _MAX_POINTS:
                raise ValueError(f"{where} are no points")
            for point in value:
                if not isinstance(point, list) or len(point) != 2:
                    raise ValueError(f"{where} are no points")
                finite(point[0], where, 0.0, 1.0)
                _check_value(point[1], where)
        elif key == "bump":
            mapping(value, where, ("factor", "updates"))
            finite(value["factor"], where, 0.0, _LARGEST)
            whole(value["updates"], where, 1)
        elif key in ("warmup", "step_size"):
            whole(value, where, int(key == "step_size"))
        elif key not in ("type", "step_on"):
            _check_value(value, where)
    try:
        Schedule.from_dict(entry)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name}: no schedule: {error}") from None


def _check_course(course: Any, name: str, iteration: int) -> None:
    mapping(course, f"{name}: course", _COURSE)
    whole(course["total"], f"{name}: course.total", 1)
    whole(course["began"], f"{name}: course.began", 0, iteration)
    whole(course["first_step"], f"{name}: course.first_step")
    finite(course["origin"], f"{name}: course.origin", 0.0, float(iteration))
    finite(course["progress"], f"{name}: course.progress", 0.0, 1.0)


def _check_value(value: Any, name: str) -> None:
    finite(value, name, -_LARGEST, _LARGEST)
