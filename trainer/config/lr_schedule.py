"""The learning rate schedules of torch (`ppo.lr_schedule_*`) as schedules of our own."""

from __future__ import annotations

import math
from typing import Any

from trainer.config.ppo import TeamSettings
from trainer.config.schedule_spec import ScheduleSpec

_LONGEST = 10**9  # steps between two factors
_KWARGS: dict[str, dict[str, float]] = {
    "linear": {"final_lr_fraction": 0.1},
    "cosine": {"eta_min_fraction": 0.0},
    "exponential": {"gamma": 0.995},
    "step": {"step_size": 1000, "gamma": 0.5},
}
"""The arguments of each type, with their defaults."""


def lr_schedule(settings: TeamSettings) -> ScheduleSpec | None:
    """The schedule of `lr` that `lr_schedule_type`, `_kwargs` and `_step_on` describe.

    The value after n steps is that of torch's LambdaLR (linear), CosineAnnealingLR, ExponentialLR
    or StepLR.

    Raises:
        ValueError: the arguments do not fit the type.
    """
    kind, lr = settings.lr_schedule_type, settings.lr
    if kind is None:
        if settings.lr_schedule_kwargs:
            raise ValueError("lr_schedule_kwargs are given, but no lr_schedule_type")
        return None
    values = _arguments(kind, settings.lr_schedule_kwargs)
    spec: dict[str, Any] = {"type": kind, "step_on": settings.lr_schedule_step_on}
    if kind == "linear":
        # max(fraction, 1 - n / total): down to the fraction, and level from there on.
        low = values["final_lr_fraction"]
        corners = {0.0: lr} | {1.0 - low: lr * low} | {1.0: lr * low}
        spec |= {"type": "piecewise", "points": tuple(corners.items())}
    elif kind == "cosine":
        spec |= {"end": lr * values["eta_min_fraction"]}
    else:
        spec |= {"gamma": values["gamma"]}
    if kind == "step":
        spec |= {"step_size": int(values["step_size"])}
    return ScheduleSpec(**spec)


def _arguments(kind: str, given: dict[str, float]) -> dict[str, float]:
    """The given arguments, checked, and the defaults of the others."""
    defaults = _KWARGS[kind]
    for name in given:
        if name not in defaults:
            known = ", ".join(defaults)
            raise ValueError(
                f"lr_schedule_kwargs: '{name}' is unknown for type {kind}; it takes {known}"
            )
    values = defaults | given
    for name, value in values.items():
        if name.endswith("fraction") and not 0.0 <= value <= 1.0:
            raise ValueError(f"lr_schedule_kwargs: {name} = {value} must be from 0 to 1")
        if name == "gamma" and not 0.0 < value < math.inf:
            raise ValueError(f"lr_schedule_kwargs: {name} = {value} must be above 0")
        whole = 1 <= value <= _LONGEST and float(value).is_integer()
        if name == "step_size" and not whole:
            raise ValueError(
                f"lr_schedule_kwargs: {name} = {value} must be a whole number above 0, "
                f"at most {_LONGEST}"
            )
    return values
