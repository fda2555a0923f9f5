"""Checks of plain values of unknown origin: their type and their bounds; and `flatten`.

Every check raises ValueError, naming the place, the value and what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trainer.checkpoints.safe_io.safe_json import shown

_MAX_KEYS = 4 * 2**20  # characters of all keys of a flat mapping
COUNT = 2**53  # of steps, episodes, ...: above anything that can be reached, and exact as a float


def whole(value: Any, name: str, low: int = 0, high: int = COUNT) -> int:
    """A whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} = {shown(value)}, not a whole number {_bounds(low, high)}")
    return value


def finite(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`; a whole one will do."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError(f"{name} = {shown(value)}, not a number {_bounds(low, high)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} = {shown(value)}, not a finite number")
    return number


def flag(value: Any, name: str) -> bool:
    """True or False."""
    if type(value) is not bool:
        raise ValueError(f"{name} = {shown(value)}, neither true nor false")
    return value


def mapping(value: Any, name: str, keys: tuple[str, ...] | None = None) -> dict[Any, Any]:
    """A dictionary; with `keys`, one that has exactly these."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {shown(value)}, not a group of values")
    if keys is not None:
        for key in keys:
            if key not in value:
                raise ValueError(f"{name} lacks {key!r}")
        for key in value:
            if key not in keys:
                raise ValueError(f"{name} has {shown(key)!r}, which is unknown")
    return value


def sequence(value: Any, name: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise ValueError(f"{name} is {shown(value)}, not a list")
    return value


def flatten(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Nested mappings as dotted keys: {"ppo": {"lr": 1}} -> {"ppo.lr": 1}.

    An empty mapping leaves no key.

    Raises:
        ValueError: the keys are too long together; each repeats all that it is nested in.
    """
    found: dict[str, Any] = {}
    length = 0
    pending = [("", iter(values.items()))]
    while pending:
        prefix, items = pending[-1]
        for key, value in items:
            name = f"{prefix}{key}"
            length += len(name)
            if length > _MAX_KEYS:
                raise ValueError(f"keys of more than {_MAX_KEYS} characters together")
            if isinstance(value, Mapping):
                pending.append((f"{name}.", iter(value.items())))
                break
            found[name] = value
        else:
            pending.pop()
    return found


def _bounds(low: float, high: float) -> str:
    if high in (COUNT, math.inf):
        return "that is finite" if low == -math.inf else f"of at least {low}"
    return f"from {low} to {high}"
