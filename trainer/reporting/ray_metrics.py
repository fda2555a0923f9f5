"""Metrics of a run for Ray's dashboard and Prometheus, through `ray.util.metrics`.

Only for a process that has joined Ray: each of its nodes exports what its processes set. Setting a
gauge changes a number in memory; Ray sends it on in the background.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from trainer.checkpoints.metadata import SCORE
from trainer.checkpoints.safe_io.safe_json import first_line

PREFIX = "hide_and_seek_"
TAG = "run"
GAUGES: dict[str, tuple[str, str]] = {
    "agent_steps_per_s": ("agent_steps_per_s", "agent steps per second of the last iteration"),
    "seen_fraction": ("seen_fraction", "share of the steps of seeking in which a hider was seen"),
    "iteration": ("iteration", "training iterations done since the very first start"),
    "evaluation_score": (SCORE, "how well both teams play against fixed opponents, 0-1"),
}
"""Of each gauge, by its name behind the prefix, the metric of the rows and its meaning."""
CHECKPOINT_AGE = "checkpoint_age_s"
_ABOUT_AGE = "seconds since the last checkpoint of this process, or since it began to record"


def is_joined() -> bool:
    """Whether this process has joined a Ray that runs; imports nothing."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


class RayMetrics:
    """The gauges of a run. Nothing here raises: training matters more than its metrics."""

    def __init__(
        self,
        run_name: str,
        *,
        on_problem: Callable[[str], None] = lambda message: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`run_name` tags every gauge; `on_problem` gets the first failure, then there are none."""
        self._tags, self._on_problem, self._clock = {TAG: run_name}, on_problem, clock
        self._saved = clock()
        self._gauges: dict[str, Any] = {}
        self._attempt(self._make)

    def write(self, row: Mapping[str, float | int]) -> None:
        """Sets the gauges to a row's values, and the checkpoint's age; what is nan stays as it was.

        The score of an evaluation so remains until the next one.
        """
        self._attempt(lambda: self._set(row))

    def saved(self) -> None:
        """A checkpoint was saved: its age begins anew."""
        self._saved = self._clock()

    def _make(self) -> None:
        from ray.util.metrics import Gauge

        about = {name: text for name, (_, text) in GAUGES.items()} | {CHECKPOINT_AGE: _ABOUT_AGE}
        self._gauges = {
            name: Gauge(f"{PREFIX}{name}", description=text, tag_keys=(TAG,))
            for name, text in about.items()
        }

    def _set(self, row: Mapping[str, float | int]) -> None:
        values = {name: float(row.get(key, math.nan)) for name, (key, _) in GAUGES.items()}
        values[CHECKPOINT_AGE] = self._clock() - self._saved
        for name, gauge in self._gauges.items():
            if math.isfinite(values[name]):
                gauge.set(values[name], self._tags)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._gauges = {}
            self._on_problem(f"Ray's metrics are left out: {first_line(error)}; training continues")
