"""one save of the default configuration: what training waits for, and all of it"""

from __future__ import annotations

from typing import Any

from benchmarks.progress import say
from benchmarks.session import Session
from benchmarks.table import Row, table


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the seconds of every save."""
    from benchmarks.saving import blocking_and_whole

    say("training and saving in turn")
    measured = blocking_and_whole(6 if session.quick else 21)[1:]  # the first imports the plotting
    results["held_up_s"], results["whole_s"] = map(list, zip(*measured, strict=True))
    results["ratios"] = [held_up / whole for held_up, whole in measured]


def report(results: dict[str, Any]) -> str:
    """The table."""
    rows = [
        Row("training is held up for", results["held_up_s"], 3),
        Row("the whole save, one thing after the other", results["whole_s"], 3),
        Row("ratio", results["ratios"], 3, 0.2, at_most=True),
    ]
    return table("One save of the default configuration, seconds", rows)
