"""Dotted keys of a configuration: which there are, which differ, and what an error says of one."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_SHORT = reprlib.Repr()  # a few bytes of YAML can stand for a very large value
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 80


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"ppo": {"lr": 1}} -> {"ppo.lr": 1}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def dotted_keys(config: BaseModel) -> list[str]:
    """Every dotted key of a configuration."""
    return list(flatten(config.model_dump(mode="json")))


def differences(old: BaseModel, new: BaseModel) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, as {key: (old, new)}, in the schema's order."""
    before, after = (flatten(config.model_dump(mode="json")) for config in (old, new))
    return {
        key: (before.get(key), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    }


def explain(error: ValidationError, known: Iterable[str]) -> str:
    """The first problem of a validation error in one line, with the nearest of the known keys."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    others = error.error_count() - 1
    more = f" (and {others} more)" if others else ""
    if problem["type"] == "extra_forbidden":
        names = list(known)
        leaves = [name for name in names if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
        near = leaves or difflib.get_close_matches(key, names, n=1, cutoff=0.4)
        hint = f"; nearest: {near[0]}" if near else ""
        return f"unknown key '{key}'{hint}{more}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not key:
        return f"{message}{more}"
    value = problem.get("input")
    shown = "" if isinstance(value, Mapping) else f" = {_SHORT.repr(value)}"
    return f"{key}{shown}: {message[0].lower()}{message[1:]}{more}"
