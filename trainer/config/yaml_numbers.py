"""Numbers that YAML 1.1 reads as text: 1e-3, where it wants 1.0e-3."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from trainer.checkpoints.safe_io import safe_yaml


def with_numbers(values: Mapping[str, Any], error: ValidationError) -> dict[str, Any] | None:
    """The values with such texts as numbers where `error` found them; None if it found none."""
    found, changed = deepcopy(dict(values)), False
    for problem in error.errors():
        text = problem.get("input")
        group: Any = found
        if problem["type"] not in ("float_type", "value_error") or not _is_number(text):
            continue
        *path, last = problem["loc"]
        with contextlib.suppress(LookupError, TypeError):  # the place of an error is not always one
            for key in path:
                group = group[key]
            if group[last] == text:
                group[last], changed = float(text), True
    return found if changed else None


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and "e" in value.lower() and safe_yaml.is_number(value)
