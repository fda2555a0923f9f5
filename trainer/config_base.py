"""What the groups of the configuration are made of."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from trainer.checkpoints.documents import shown_line
from trainer.checkpoints.metadata import METRIC_KEYS
from trainer.checkpoints.redaction import has_credentials

TEAMS = ("seeker", "hider")

StepUnit = Literal["iteration", "epoch", "update"]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
PositiveOrInf = Annotated[float, Field(gt=0.0)]


def _known_metric(name: str) -> str:
    """A number that every checkpoint's metadata has."""
    if name not in METRIC_KEYS:
        near = difflib.get_close_matches(name, METRIC_KEYS, n=1)
        hint = f"nearest: {near[0]}" if near else f"one of {', '.join(METRIC_KEYS)}"
        raise ValueError(f"no number of metadata.json; {hint}")
    return name


Metric = Annotated[str, AfterValidator(_known_metric)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


def _without_credentials(text: str) -> str:
    if has_credentials(text):
        raise ValueError("must not hold credentials")
    return text


def _local(text: str) -> str:
    if ":/" in text:
        raise ValueError("must be a local folder, not a URL")
    return text


NoCredentials = Annotated[str, AfterValidator(_without_credentials)]
LocalFolder = Annotated[str, AfterValidator(_local)]


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key, the value and the way out.

    It is one line, without credentials, and what a file holds cannot rewrite the terminal.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(shown_line(message))


class Group(BaseModel):
    """A group of keys: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
