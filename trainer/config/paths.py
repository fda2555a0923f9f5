"""Nested values of a configuration by path: ("ppo", "lr")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KeyPath = tuple[str, ...]
_SINGLE = ("lr_schedule_kwargs", "curriculum", "custom_resources")


def values_by_path(values: Mapping[str, Any], prefix: KeyPath = ()) -> dict[KeyPath, Any]:
    """Nested values by path; a schedule, its arguments and a curriculum are a single value each."""
    found: dict[KeyPath, Any] = {}
    for key, value in values.items():
        path = (*prefix, key)
        if isinstance(value, Mapping) and "type" not in value and key not in _SINGLE:
            found |= values_by_path(value, path)
        else:
            found[path] = value
    return found


def nested(values: Mapping[KeyPath, Any]) -> dict[str, Any]:
    """Nested values from those by path."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        group = found
        for key in path[:-1]:
            group = group.setdefault(key, {})
        group[path[-1]] = value
    return found


def has_path(values: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether nested values have something at a path, or anything but a group on the way to it."""
    found: Any = values
    for key in path:
        if not isinstance(found, Mapping):
            return True
        if key not in found:
            return False
        found = found[key]
    return True


def overlap(one: KeyPath, other: KeyPath) -> bool:
    """Whether one of the paths leads to the other."""
    return all(a == b for a, b in zip(one, other, strict=False))
