"""How the runs of a sweep stand, as its progress shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainer.commands.sweep.manifest import CUT, FAILED, FINISHED, RUNNING, WAITING
from trainer.reporting.formatting import duration

ELSEWHERE = "elsewhere"
"""The state of a run that another process trains, as a killed sweep may have left it."""
_ORDER = (RUNNING, ELSEWHERE, FAILED, CUT, WAITING, FINISHED)


@dataclass(frozen=True)
class Status:
    """A run as it stands.

    Attributes:
        name: of the run.
        state: as in the manifest, or ELSEWHERE.
        done, total: iterations.
        measured: the last known value of the measure; nan if unknown.
        pace: seconds of an iteration; nan if unknown.
        error: of a failed run.
    """

    name: str
    state: str
    done: int
    total: int
    measured: float
    pace: float
    error: str = ""

    @property
    def left(self) -> float:
        """Seconds that it will still take alone; nan if unknown."""
        return max(self.total - self.done, 0) * self.pace

    @property
    def score(self) -> str:
        """The measure as text."""
        return f"{self.measured:.3f}" if math.isfinite(self.measured) else "-"

    @property
    def eta(self) -> str:
        """The time that is left, as text, of a run that runs."""
        return duration(self.left) if self.state in (RUNNING, ELSEWHERE) else "-"


def first_running(all_: Iterable[Status]) -> list[Status]:
    """Those that run first, those that are done last."""
    return sorted(all_, key=lambda status: _ORDER.index(status.state))


def seconds_left(all_: Sequence[Status], jobs: int) -> float:
    """Seconds until all have ended, so many at a time; nan while no pace is known."""
    paces = [status.pace for status in all_ if math.isfinite(status.pace)]
    if not paces:
        return math.nan
    usual = sum(paces) / len(paces)
    open_ = [status for status in all_ if status.state not in (FINISHED, FAILED)]
    work = sum(
        max(s.total - s.done, 0) * (s.pace if math.isfinite(s.pace) else usual) for s in open_
    )
    longest = max((s.left for s in open_ if math.isfinite(s.left)), default=0.0)
    return max(work / min(jobs, max(len(open_), 1)), longest)


def counted(all_: Iterable[Status]) -> str:
    """How many there are of each state: `2 running, 3 waiting, 1 finished`."""
    states = [status.state for status in all_]
    return ", ".join(f"{states.count(state)} {state}" for state in _ORDER if state in states)
