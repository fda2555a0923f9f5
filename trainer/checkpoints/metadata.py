"""metadata.json: its keys, how unknown values are written, and how it is read back.

On disk an unknown number is null (strict JSON); in Python an unknown mean is nan, so that a reader
can format and compare rewards without a check. Scripts that read the file itself do that too:
before any episode has ended the rewards are therefore 0.0 on disk. They count as unknown all the
same, as `episodes_averaged`, the number of episodes behind the means, is 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.safe_io import safe_json

REWARD_KEYS = ("reward_mean", "seeker_reward", "hider_reward", "episode_len_mean")
GAME_KEYS = ("seen_fraction", "first_seen_step", "perfect_hide")
AVERAGED = "episodes_averaged"
COUNT_KEYS = ("episodes_completed", "env_steps", "agent_steps")
KEYS = (
    "iteration",
    "timestamp",  # local time, whole seconds, ISO 8601
    "timestamp_unix",  # the same moment in seconds since 1970, for other time zones
    "checkpoint_path",
    *REWARD_KEYS,
    *GAME_KEYS,
    *COUNT_KEYS,
    AVERAGED,
    "seed",
    "versions",
    "git_commit",
    "parent",
    "tags",
    "best_by",  # {"metric", "mode"}: what the run's retention goes by, and `best` too
    "warnings",  # short texts about policies that have collapsed; empty if none has
)
METRIC_KEYS = ("iteration", *REWARD_KEYS, *GAME_KEYS, *COUNT_KEYS)  # what training measures
EVALUATION = "evaluation/"
"""Begins the numbers of an evaluation; a checkpoint has them if one was made of its policies."""
SCORE = f"{EVALUATION}score"
MODES = ("max", "min")
MAX_BYTES = 2**20  # of the file, which has about one thousand
MAX_VALUES = 20_000
_UNCOUNTABLE = 1e18
_EMPTY: dict[str, Any] = {"versions": {}, "tags": [], "warnings": []}


@dataclass(frozen=True)
class BestBy:
    """What makes a checkpoint the best.

    Attributes:
        metric: a number of the metadata.
        mode: "max" or "min".

    Raises:
        ValueError: an attribute is neither.
    """

    metric: str = "iteration"
    mode: str = "max"

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise ValueError(f"best_metric must be a key of metadata.json, not {self.metric!r}")
        if self.mode not in MODES:
            raise ValueError(f"best_mode must be 'max' or 'min', not {self.mode!r}")


def evaluation_key(team: str, opponent: str) -> str:
    """The key of a team's share of the seeking steps against an opponent."""
    return f"{EVALUATION}{team}_vs_{opponent}"


def complete(
    metadata: Mapping[str, Any],
    *,
    iteration: int,
    path: str | Path,
    tags: Sequence[str],
    when: datetime,
    best_by: BestBy | None = None,
) -> dict[str, Any]:
    """All keys of metadata.json as strict JSON values; the keywords override `metadata`.

    Raises:
        TypeError: JSON cannot hold a value; the message names its key.
    """
    known = {key: _EMPTY.get(key) for key in KEYS}
    own = {
        "iteration": iteration,
        "timestamp": when.isoformat(timespec="seconds"),
        "timestamp_unix": round(when.timestamp(), 3),
        "checkpoint_path": str(path),
        "tags": list(dict.fromkeys(tags)),
    }
    own |= {} if best_by is None else {"best_by": asdict(best_by)}
    found = {key: plain(value, key) for key, value in (known | dict(metadata) | own).items()}
    if found[AVERAGED] == 0:
        found |= {key: 0.0 for key in REWARD_KEYS if found[key] is None}
    return found


def plain(value: Any, key: str) -> Any:
    """`value` as strict JSON: nan and infinity become None, array scalars Python numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, key) for item in value]
    if callable(getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
        return plain(value.item(), key)
    raise TypeError(f"metadata key {key!r} has a {type(value).__name__}, which JSON cannot hold")


def plain_or_text(value: Any) -> Any:
    """`value` as strict JSON; what JSON cannot hold, such as a date of a YAML file, as text."""
    if isinstance(value, Mapping):
        return {str(key): plain_or_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_or_text(item) for item in value]
    try:
        return plain(value, "")
    except TypeError:
        return str(value)


def encode(document: Mapping[str, Any]) -> str:
    """Strict, readable JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def check_limits(text: str) -> None:
    """Checks that `read` will accept a text.

    Raises:
        CheckpointError: it is too large.
    """
    try:
        content = text.encode()
        if len(content) > MAX_BYTES:
            raise ValueError(f"{len(content)} bytes are more than {MAX_BYTES}")
        safe_json.decode(content, MAX_VALUES)
    except ValueError as error:
        raise CheckpointError(f"cannot save: the metadata: {error}") from None


def read(folder: Path) -> dict[str, Any]:
    """The metadata of a checkpoint.

    Raises:
        OSError: the file is absent or not readable.
        ValueError: it is not valid.
    """
    return safe_json.read(folder / layout.METADATA, MAX_BYTES, MAX_VALUES)


def another_iteration(saved_as: Any) -> str:
    """The problem of a checkpoint whose folder is named after another iteration."""
    return f"{layout.METADATA} says iteration {safe_json.shown(saved_as)}"


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_float(value: Any) -> float:
    """A number from JSON, or nan for anything else."""
    if not is_number(value):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def as_count(value: Any) -> int | None:
    """A whole number from JSON, or None for anything else and for absurdly large ones."""
    number = as_float(value)
    return int(number) if number.is_integer() and abs(number) < _UNCOUNTABLE else None


def as_texts(value: Any) -> tuple[str, ...]:
    """The strings of a JSON list; empty for anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def number(metadata: Mapping[str, Any], key: str) -> float:
    """A value of metadata as a number; nan if it is unknown or no number."""
    if key in (*REWARD_KEYS, *GAME_KEYS) and as_count(metadata.get(AVERAGED)) == 0:
        return math.nan
    return as_float(metadata.get(key))


def view(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata for Python readers: all keys, means as floats, counts as whole numbers or None."""
    result = {key: metadata.get(key, _EMPTY.get(key)) for key in KEYS} | dict(metadata)
    result |= {key: number(metadata, key) for key in (*REWARD_KEYS, *GAME_KEYS)}
    result |= {key: as_count(metadata.get(key)) for key in COUNT_KEYS}
    return result | {key: list(as_texts(metadata.get(key))) for key in ("tags", "warnings")}
