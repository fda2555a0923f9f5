"""What the runs of a sweep are called: by their values, as names of folders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Any

from trainer.commands.sweep.axes import Axis, Choice, value_of

LONGEST = 90  # characters; a run's name may have 100
PATTERN = re.compile(r"[A-Za-z0-9+][A-Za-z0-9+=_.-]*")
"""The names there can be: one component of a path, nothing that a shell would read otherwise."""
_OTHERS = re.compile(r"[^A-Za-z0-9+=_.-]+")


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each key, and as many before it as tell it from the others."""
    short = {}
    for key in keys:
        words = key.split(".")
        for count in range(1, len(words) + 1):
            name = ".".join(words[-count:])
            same = [k for k in keys if k == name or k.endswith(f".{name}")]
            if len(same) == 1:
                break
        short[key] = name
    return short


def varied(axes: Sequence[Axis]) -> list[str]:
    """The keys with more than one value."""
    return [axis.key for axis in axes if axis.range is not None or len(axis.values) > 1]


def run_name(choice: Choice, keys: Sequence[str], taken: Collection[str] = ()) -> str:
    """A name for a run that none of the taken ones has: `lr=0.0003_seed=1`.

    Args:
        choice: its values.
        keys: those that its name tells.
        taken: the names of other runs.
    """
    short = short_keys(keys)
    told = (f"{short[key]}={_word(value_of(choice[key]))}" for key in keys)
    name = _OTHERS.sub("-", "_".join(told)).lstrip("-._=") or "run"
    if len(name) > LONGEST:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST - 9]}-{digest}"
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def setting_text(choice: Choice, keys: Sequence[str]) -> str:
    """A setting as people read it: `lr 0.0003, gamma 0.99`."""
    short = short_keys(keys)
    return ", ".join(f"{short[key]} {choice[key]}" for key in keys) or "as configured"


def _word(value: Any) -> str:
    """A value as part of a name: [64, 64] is 64x64."""
    if isinstance(value, list):
        return "x".join(map(_word, value)) or "none"
    if isinstance(value, dict):
        return "_".join(f"{key}-{_word(item)}" for key, item in value.items()) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)
