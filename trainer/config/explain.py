"""What is wrong with a configuration, in one line that names the key and the nearest valid one."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from envs.hide_and_seek.curriculum import Curriculum, Promote
from envs.hide_and_seek.setting_types import UNKNOWN_SETTING
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.config import synonyms
from trainer.config.schedule_spec import BumpSpec, ScheduleSpec

_SHORT = reprlib.Repr()  # a few bytes of YAML can stand for a very large value
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 80

_ALIKE_IN_FULL = 0.75  # the least likeness to a key of another group
_MOST = 3  # keys of a foreign group that are answered one by one
_FOREIGN_GROUPS = {
    **dict.fromkeys(("training", "algorithm", "agent", "model"), "ppo"),
    **dict.fromkeys(("environment", "game"), "env"),
    **dict.fromkeys(("logging", "mlflow"), "tracking"),
    **dict.fromkeys(("resources", "env_runners", "learners", "cluster"), "ray"),
}
_CURRICULUM: dict[str, type[BaseModel]] = {
    "env.curriculum": Curriculum,
    "env.curriculum.promote": Promote,
}
_WORDS = {
    "tuple_type": "expected a list, such as [64, 64]",
    "list_type": "expected a list",
    "dict_type": "expected keys with values, such as {{a: 1}}",
    "model_type": "expected keys with values, such as {{a: 1}}",
    "model_attributes_type": "expected keys with values, such as {{a: 1}}",
    "string_type": "expected a text",
    "string_pattern_mismatch": "must be one folder's name, not beginning with a dot",
    "string_too_long": "must not be longer than {max_length} characters",
    "string_too_short": "must not be empty",
    "too_short": "needs at least {min_length} entries",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
}


def explain(error: ValidationError, known: Iterable[str]) -> str:
    """The first problem of a validation error in one line, with the nearest of the known keys."""
    problems = error.errors(include_url=False)
    if (run_together := _without_space(problems)) is not None:
        return run_together
    problem = problems[0]
    key = ".".join(str(part) for part in problem["loc"])
    others = error.error_count() - 1
    more = f" (and {others} more)" if others else ""
    value = problem.get("input")
    if problem["type"] == UNKNOWN_SETTING:
        key = ".".join(filter(None, (key, problem["ctx"]["key"])))
        value = dict(value or {}).get(problem["ctx"]["key"])
    if problem["type"] in ("extra_forbidden", UNKNOWN_SETTING):
        return f"unknown key '{key}'{_hint(key, value, list(known))}{more}"
    message = _in_our_words(problem)
    if not key:
        return f"{message}{more}"
    shown = "" if isinstance(value, Mapping) else f" = {_SHORT.repr(redacted_values(value))}"
    return f"{key}{shown}: {message[0].lower()}{message[1:]}{more}"


def error_keys(error: ValidationError) -> tuple[tuple[str, ...], ...]:
    """The paths of the keys at fault."""
    located = ((*item["loc"], *_unknown_key(item)) for item in error.errors())
    return tuple(tuple(str(part) for part in key) for key in located if key)


def _unknown_key(problem: ErrorDetails) -> tuple[str, ...]:
    """The name of an unknown setting of the game, whose place is that of the group."""
    return (problem["ctx"]["key"],) if problem["type"] == UNKNOWN_SETTING else ()


def _without_space(problems: Iterable[ErrorDetails]) -> str | None:
    """What to say of `{type:linear}`, which is one key without a value; None: there is none."""
    for problem in problems:
        *group, key = problem["loc"] or ("",)
        if isinstance(key, str) and ":" in key and problem["input"] is None:
            meant = key.replace(":", ": ", 1)
            return f"{'.'.join(map(str, group))}: a space is missing after the colon of '{meant}'"
    return None


def _hint(key: str, value: Any, known: list[str]) -> str:
    """A suggestion for an unknown key: its name in this project, else the most similar key."""
    if isinstance(value, Mapping) and key in _FOREIGN_GROUPS:
        inside = (_called_here(f"{key}.{name}", known) for name in flatten(value))
        found = [text for text in inside if text is not None][:_MOST]
        return f"; {'; '.join(found)}" if found else f"; here it is {_FOREIGN_GROUPS[key]}"
    if (part := _part_of_curriculum(key) or _part_of_schedule(key, known)) is not None:
        return f"; {part}"
    if (near := _same_name(key, known)) is not None:
        return f"; nearest: {near}"
    if (text := synonyms.explanation(key)) is not None:
        ours = synonyms.key_of(key.rpartition(".")[2]) or ""
        own = f"{key.rpartition('.')[0]}.{ours.rpartition('.')[2]}"  # ppo.seeker.lr
        return f"; here it is {own}" if own in known else f"; {text}"
    if near := _similar(key, known):
        return f"; nearest: {near}"
    return f"; {_teams(key, known)}the config.yaml of the project names every key"


def _teams(key: str, known: list[str]) -> str:
    """The teams of the game, where a key may be meant as one (`ppo.green`); else nothing."""
    if key.count(".") != 1 or not key.startswith(("ppo.", "schedules.")):
        return ""
    parts = (name.split(".") for name in known)
    teams = [words[1] for words in parts if len(words) == 3 and words[::2] == ["ppo", "lr"]]
    return f"the teams are {', '.join(teams)}; "


def _part_of_curriculum(key: str) -> str | None:
    """A suggestion for an unknown key inside of a curriculum; None: it is not inside of one."""
    group, _, leaf = key.rpartition(".")
    if group not in _CURRICULUM:
        return None
    parts = list(_CURRICULUM[group].model_fields)
    near = nearest(leaf, parts)
    return f"nearest: {group}.{near}" if near else f"there is: {', '.join(parts)}"


def _part_of_schedule(key: str, known: list[str]) -> str | None:
    """A suggestion for an unknown key inside of a schedule; None: it is not inside of one."""
    group, _, leaf = key.rpartition(".")
    if all(f"{place}.step_on" not in known for place in (group, group.rpartition(".")[0])):
        return None
    parts = [*(BumpSpec if group.endswith(".bump") else ScheduleSpec).model_fields]
    near = synonyms.PARTS.get(leaf) or nearest(leaf, parts)
    return f"nearest: {group}.{near}" if near in parts else f"there is: {', '.join(parts)}"


def _called_here(key: str, known: list[str]) -> str | None:
    """The name of a key whose group does not exist here (`training.lr`); None if unknown."""
    ours = _same_name(key, known)
    text = f"here it is {ours}" if ours else synonyms.explanation(key)
    return text and f"{key}: {text}"


def _same_name(key: str, known: list[str]) -> str | None:
    leaf = key.rpartition(".")[2]
    return next((name for name in known if name.rpartition(".")[2] == leaf), None)


def _similar(key: str, known: list[str]) -> str | None:
    """The known key most like this one: in its own group, else anywhere; None if none is near."""
    group, _, leaf = key.rpartition(".")
    own = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == group}
    if near := nearest(leaf, own):
        return own[near]
    if near := nearest(key, known, _ALIKE_IN_FULL):
        return near
    leaves = {name.rpartition(".")[2]: name for name in reversed(known)}
    return leaves.get(nearest(leaf, leaves, _ALIKE_IN_FULL) or "")


def _in_our_words(problem: ErrorDetails) -> str:
    """What is wrong with a value, in plainer words than the validator's."""
    text = _WORDS.get(problem["type"])
    if text is not None:
        return text.format(**problem.get("ctx", {}))
    return str(problem["msg"]).removeprefix("Value error, ")
