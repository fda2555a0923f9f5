"""Numbers as people read them, for console, figure and lists."""

from __future__ import annotations

import math

UNKNOWN = "-"


def count(value: float) -> str:
    """A count in at most five characters or so: 950, 8,192, 16.4k, 3.28M; '-' for nan."""
    if not math.isfinite(value):
        return "-"
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def number(value: float) -> str:
    """A measured number in four digits or so: 172.18, 0.0072, 3.0e-4; '-' for nan."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if value == 0 or 1 <= size < 100_000:
        return f"{value:.2f}" if size < 10_000 else f"{value:.0f}"
    if 0.001 <= size < 1:
        return f"{value:.4f}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e+")


def percent(value: float) -> str:
    """A share, 0-1, in percent; '-' for nan."""
    return f"{100 * value:.0f}%" if math.isfinite(value) else "-"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 0:42, 12:40, 3:05:00, 2d 03:05; '-' for nan."""
    if not math.isfinite(seconds):
        return "-"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02d}:{minute:02d}"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def plural(number: int, noun: str) -> str:
    """1 learner, 2 learners."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(bytes_: float) -> str:
    """Bytes for people, in powers of 1024: 257215693 -> "245.3 MB"."""
    if bytes_ < 1024:
        return f"{bytes_:.0f} B"
    for unit in ("KB", "MB", "GB"):
        bytes_ /= 1024
        if bytes_ < 1024:
            return f"{bytes_:.1f} {unit}"
    return f"{bytes_ / 1024:.1f} TB"


def age(seconds: float) -> str:
    """A duration for people, in one unit: 7200 -> "2 h"."""
    if math.isnan(seconds):
        return UNKNOWN
    seconds = max(seconds, 0.0)
    for limit, length, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds // 86400:.0f} d"
