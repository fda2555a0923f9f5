"""Notices of env runners that give nothing to an iteration, and of their return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer.reporting.formatting import plural

_AGAIN = 10
"""Iterations until a lasting loss is told again; each further time after twice as many."""
_RESTARTED = "died and {} being restarted"


class RunnerNotices:
    """What there is to be told of missing runners, iteration by iteration."""

    def __init__(self, runners: int) -> None:
        """`runners`: how many there are."""
        self._runners = runners
        self._before: dict[int, str] = {}
        self._lasting, self._next = 0, _AGAIN

    def after_iteration(
        self, missing: Sequence[int], undelivered: Mapping[int, str]
    ) -> tuple[str, str]:
        """A text and its level; no text if there is nothing new.

        Args:
            missing: the runners (from 1) that gave nothing to the iteration.
            undelivered: why, of those among them that live.
        """
        before = self._before
        now = {number: undelivered.get(number, _RESTARTED) for number in missing}
        lasted, self._lasting = self._lasting, self._lasting + 1 if now else 0
        self._before = now
        if not (before or now):
            return "", "info"
        share = f"{100 * (self._runners - len(now)) / self._runners:.0f}%"
        if fresh := {number: why for number, why in now.items() if before.get(number) != why}:
            self._next = self._lasting + _AGAIN - 1
            return f"{self._reasons(fresh)}; this iteration has {share} of the data", "warning"
        if back := sorted(set(before) - set(now)):
            after = f", after {plural(lasted, 'iteration')}" if not now else ""
            return f"{self._named(back)} {_are(back)} back{after}", "info"
        if now and self._lasting >= self._next:
            self._next = 2 * self._lasting
            still = f"{_are(now)} still missing after {plural(self._lasting, 'iteration')}"
            named = self._named(sorted(now))
            return f"{named} {still}; this iteration has {share} of the data", "warning"
        return "", "info"

    def _reasons(self, fresh: Mapping[int, str]) -> str:
        """The runners, grouped by what has happened to them."""
        told = []
        for why in dict.fromkeys(fresh.values()):
            numbers = [number for number in fresh if fresh[number] == why]
            text = why.format(_are(numbers)) if why == _RESTARTED else f"gave no data: {why}"
            told.append(f"{self._named(numbers)} {text}")
        return "; ".join(told)

    def _named(self, numbers: Sequence[int]) -> str:
        named = ", ".join(map(str, numbers))
        return f"runner{'s'[: len(numbers) > 1]} {named} of {self._runners}"


def _are(numbers: Sequence[int] | Mapping[int, str]) -> str:
    return "is" if len(numbers) == 1 else "are"
