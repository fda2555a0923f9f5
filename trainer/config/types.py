"""The types that the groups of the configuration are made of, and their error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from envs.hide_and_seek.setting_types import TEAMS as TEAMS
from envs.hide_and_seek.spaces import STAGES
from trainer.checkpoints.metadata import METRIC_KEYS
from trainer.checkpoints.remote import location
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.checkpoints.safe_io.redaction import has_credentials
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.config.evaluation_keys import all_opponents, evaluation_keys
from trainer.errors import EXIT_USAGE

StepUnit = Literal["iteration", "epoch", "update"]

# Strict: yes, "5" and 2.5 are no whole numbers, and no text or truth value is a number.
Number = Annotated[float, Field(strict=True)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
Positive = Annotated[float, Field(strict=True, gt=0.0, allow_inf_nan=False)]
PositiveOrInf = Annotated[float, Field(strict=True, gt=0.0)]
NonNegative = Annotated[float, Field(strict=True, ge=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
CountOrNone = Annotated[int, Field(strict=True, ge=0, le=10**9)]

_LONGEST_NAME = 255  # bytes of a file name, on any file system there is


def checked_place(text: str) -> str:
    """A folder or a URL, unchanged.

    Raises:
        ValueError: nothing can have that name.
    """
    if not text.strip():
        raise ValueError("must not be empty; . is the current folder")
    if not text.isprintable():
        raise ValueError("holds a character that no name can have")
    # A store takes longer names, and the options of a URL are not names.
    names = [] if "://" in text else text.split("/")
    if any(len(name.encode()) > _LONGEST_NAME for name in names):
        raise ValueError(f"has a name of more than {_LONGEST_NAME} bytes")
    return text


def checked_location(text: str) -> str:
    """A folder or the URL of one that records can be written to, unchanged.

    Raises:
        ValueError: nothing can have that name, or the URL has an unknown scheme or option.
    """
    location.parse(checked_place(text))
    return text


Place = Annotated[str, AfterValidator(checked_place)]


def metric_among(known: Sequence[str]) -> AfterValidator:
    """The check that a text is one of these numbers, which every checkpoint's metadata has."""

    def check(name: str) -> str:
        if name not in known:
            near = nearest(name, known)
            hint = f"nearest: {near}" if near else f"one of {', '.join(known)}"
            raise ValueError(f"no number of metadata.json; {hint}")
        return name

    return AfterValidator(check)


_MEASURED = (*METRIC_KEYS, *STAGES, *evaluation_keys(all_opponents()))
Metric = Annotated[str, metric_among(_MEASURED)]
BestBy = Annotated[str, metric_among(("score", *TEAMS, *_MEASURED))]
"""The same, with short words for what an evaluation measures first of all."""


def _without_credentials(text: str) -> str:
    if has_credentials(text):
        raise ValueError("must not hold credentials")
    return text


def _local(text: str) -> str:
    if ":/" in text:
        raise ValueError("must be a local folder, not a URL")
    return text


def _custom_resource(name: str) -> str:
    if name in _RAY_RESOURCES:
        raise ValueError(f"is no resource of one's own; {_RAY_RESOURCES[name]}")
    if not name.strip() or not name.isprintable():
        raise ValueError("must be a name, as Ray's nodes were started with")
    return name


_RAY_RESOURCES = {
    "CPU": "set ray.num_cpus_per_env_runner",
    "GPU": "sampling is on the CPU; ray.num_gpus_per_learner gives them to learners",
    "memory": "Ray counts it itself",
    "object_store_memory": "Ray counts it itself",
}
ResourceName = Annotated[str, AfterValidator(_custom_resource)]


def _shares(amount: float) -> float:
    if amount > 1 and amount != int(amount):
        raise ValueError("must be a whole number, or a share of one")
    return amount


Amount = Annotated[float, Field(strict=True, ge=0, le=1024), AfterValidator(_shares)]
"""How much of a resource an actor of Ray takes up."""
NoCredentials = Annotated[str, AfterValidator(_without_credentials)]
LocalFolder = Annotated[Place, AfterValidator(_local)]


WHOLE_GAME = ("env",)
"""In the keys of an error: each setting of the game is fine by itself, but they do not fit."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key, the value and a remedy.

    The message is one line without credentials and terminal control sequences.

    Attributes:
        keys: the paths of the keys at fault; empty if they are unknown.
    """

    exit_code = EXIT_USAGE

    def __init__(self, message: str, keys: tuple[tuple[str, ...], ...] = ()) -> None:
        super().__init__(shown_line(message))
        self.keys = keys


class Group(BaseModel):
    """A group of keys: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
