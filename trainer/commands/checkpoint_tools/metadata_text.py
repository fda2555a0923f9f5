"""Values of a checkpoint's metadata as text; one that is missing or of no use is UNKNOWN."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from trainer.checkpoints import metadata
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.reporting.formatting import UNKNOWN

_HUGE = 1e12  # from here on a number would make a column as wide as a line


def labels(info: CheckpointInfo, tags: Iterable[str], *, best: bool, mark: str = "") -> list[str]:
    """What is said of a checkpoint behind its values: its name, `tags` and, in capitals, more."""
    words = [*tags, *["best"] * best, *["collapsed"] * bool(info.warnings), *filter(None, [mark])]
    name = [info.label.name] if info.label else []
    return [*name, *(shown_line(word).upper() for word in words)]


def whole(value: Any) -> str:
    """A count from JSON with all its digits."""
    known = metadata.as_count(value)
    return UNKNOWN if known is None else str(known)


def count(value: Any) -> str:
    """A count from JSON in at most seven characters or so: 153600, 39.3M."""
    known = metadata.as_count(value) or 0
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M")):
        if abs(known) >= 10**power:
            return f"{known / 10**power:.1f}{unit}"
    return whole(value)


def fixed(value: Any, digits: int = 2) -> str:
    """A number from JSON with `digits` decimals; one that no training gives in few characters."""
    number = metadata.as_float(value)
    if math.isnan(number):
        return UNKNOWN
    return f"{number:.{digits}f}" if abs(number) < _HUGE else f"{number:.{digits}e}"


def percent(value: Any) -> str:
    """A share, 0-1, from JSON."""
    number = metadata.as_float(value)
    if math.isnan(number):
        return UNKNOWN
    return f"{number:.1%}" if abs(number) < _HUGE else f"{number:.1e}"


def date(value: Any) -> tuple[str, str]:
    """Date and time of day of a timestamp, as it was written."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return UNKNOWN, UNKNOWN
    return f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}"
