"""Notices of env runners that die and come back."""

from __future__ import annotations

from collections.abc import Sequence


def runner_notice(before: Sequence[int], now: Sequence[int], runners: int) -> tuple[str, str]:
    """What changed from one iteration to the next: a text and its level; no text if nothing did.

    Args:
        before: the runners (from 1) that gave nothing to the iteration before.
        now: those that gave nothing to this one.
        runners: how many there are.
    """
    gone, back = sorted(set(now) - set(before)), sorted(set(before) - set(now))
    if gone:
        are = "is" if len(gone) == 1 else "are"
        share = f"{100 * (runners - len(now)) / runners:.0f}%"
        text = f"{_named(gone, runners)} died and {are} being restarted"
        return f"{text}; this iteration has {share} of the data", "warning"
    if back:
        are = "is" if len(back) == 1 else "are"
        return f"{_named(back, runners)} {are} back", "info"
    return "", "info"


def _named(numbers: Sequence[int], runners: int) -> str:
    return f"runner{'s'[: len(numbers) > 1]} {', '.join(map(str, numbers))} of {runners}"
