"""Values of a checkpoint's metadata as text; one that is missing or of no use is UNKNOWN."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from trainer.checkpoints import metadata
from trainer.reporting.formatting import UNKNOWN


def count(value: Any) -> str:
    """A count from JSON in at most seven characters or so: 153600, 39.3M."""
    known = metadata.as_count(value)
    if known is None:
        return UNKNOWN
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M")):
        if abs(known) >= 10**power:
            return f"{known / 10**power:.1f}{unit}"
    return str(known)


def fixed(value: Any, digits: int = 2) -> str:
    """A number from JSON with `digits` decimals."""
    number = metadata.as_float(value)
    return UNKNOWN if math.isnan(number) else f"{number:.{digits}f}"


def percent(value: Any) -> str:
    """A share, 0-1, from JSON."""
    number = metadata.as_float(value)
    return UNKNOWN if math.isnan(number) else f"{number:.1%}"


def date(value: Any) -> tuple[str, str]:
    """Date and time of day of a timestamp, as it was written."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return UNKNOWN, UNKNOWN
    return f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}"
