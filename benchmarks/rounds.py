"""Contenders taken in turn, round after round, and what their figures are to each other.

A machine whose speed drifts treats the contenders of one round alike: so ratios are taken within a
round, pair by pair, and only then summed up.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.children import ContenderFailed, answer
from benchmarks.processes import command
from benchmarks.progress import say
from trainer.project import PROJECT_ROOT

Runs = dict[str, list[dict[str, Any] | None]]
"""By contender, what it answered in each round; None where it failed."""


@dataclass(frozen=True)
class Contender:
    """Something to be measured in a process of its own.

    Attributes:
        name: in the results.
        label: in tables and progress.
        words: what Python is called with.
        tree: where; another folder than this project is an earlier state of it.
    """

    name: str
    label: str
    words: Sequence[str]
    tree: Path = PROJECT_ROOT

    def run(self) -> dict[str, Any]:
        """Its answer.

        Raises:
            ContenderFailed: it gave none.
        """
        return answer(command(*self.words), self.tree, {"PYTHONPATH": str(self.tree)})


def take_turns(
    contenders: Sequence[Contender], rounds: int, runs: Runs, limit_s: float = float("inf")
) -> None:
    """Runs every contender once per round.

    Args:
        contenders: in the order of a round.
        rounds: at most; a round that would end after the limit is not begun.
        runs: filled as the answers come, so that they are there whenever this ends.
        limit_s: seconds for all rounds; the first is always played.
    """
    began = time.monotonic()
    for number in range(rounds):
        started = time.monotonic()
        for contender in contenders:
            say(f"round {number + 1} of {rounds}: {contender.label}")
            answers = runs.setdefault(contender.name, [])
            try:
                answers.append(contender.run())
            except ContenderFailed as error:
                answers.append(None)
                say(str(error), stays=True)
        now = time.monotonic()
        if now + (now - started) > began + limit_s:
            return


def figures(runs: Runs, name: str, figure: Callable[[dict[str, Any]], float]) -> list[float | None]:
    """A figure of a contender's answer in each round."""
    return [None if run is None else figure(run) for run in runs.get(name, [])]


def rates(runs: Runs, name: str) -> list[float | None]:
    """agent-steps/s of a contender in each round."""
    return figures(runs, name, lambda run: run["agent_steps"] / run["seconds"])


def ratios(above: Sequence[float | None], below: Sequence[float | None]) -> list[float]:
    """One figure over the other in each round where both are there."""
    return [a / b for a, b in zip(above, below, strict=False) if a is not None and b is not None]


def spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Median and range of what is there; None if nothing is."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    return {"median": statistics.median(there), "min": min(there), "max": max(there)}


def summary(values: Mapping[str, Sequence[float | None]]) -> dict[str, dict[str, float]]:
    """The spread of each that has one."""
    return {name: found for name, each in values.items() if (found := spread(each)) is not None}
