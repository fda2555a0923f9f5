"""What the runs of a sweep have reached: for every setting, over its seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.commands.sweep.axes import SEED, identity, value_of
from trainer.commands.sweep.manifest import Run, Sweep
from trainer.commands.sweep.names import setting_text
from trainer.reporting.history.metrics_history import HISTORY_NAME
from trainer.reporting.history.rows import read_rows

Point = tuple[int, float]


@dataclass(frozen=True)
class Measure:
    """What settings are compared by: a metric of the history, the highest or the lowest first."""

    key: str
    mode: str = "max"

    @classmethod
    def parse(cls, text: str) -> Measure:
        """From `KEY` or `KEY:min`."""
        key, _, mode = text.rpartition(":")
        return cls(key, mode) if key and mode in ("min", "max") else cls(text)

    @property
    def sign(self) -> int:
        return 1 if self.mode == "max" else -1


@dataclass(frozen=True)
class Outcome:
    """The curve of a run.

    Attributes:
        run: as the manifest has it.
        points: agent steps and measured value, in order; unknown values are left out.
        iteration: the last one of its history; 0: none.
        problem: why its history cannot be read; empty if it can.
        warnings: what its newest checkpoint says of policies that have collapsed.
    """

    run: Run
    points: Sequence[Point]
    iteration: int
    problem: str = ""
    warnings: Sequence[str] = ()

    @property
    def last(self) -> float:
        """The last value measured; nan if there is none."""
        return self.points[-1][1] if self.points else math.nan


@dataclass(frozen=True)
class Setting:
    """The runs whose values differ in nothing but the seed.

    Attributes:
        text: its values, for people.
        values: those values, by key.
        outcomes: of its seeds.
    """

    text: str
    values: Mapping[str, str]
    outcomes: Sequence[Outcome]

    @property
    def known(self) -> list[float]:
        """The last value of each seed that has one."""
        return [o.last for o in self.outcomes if math.isfinite(o.last)]

    @property
    def collapsed(self) -> int:
        """How many of its seeds ended with a policy that has collapsed."""
        return sum(bool(outcome.warnings) for outcome in self.outcomes)

    @property
    def mean(self) -> float:
        """Over the seeds; nan if none has a value."""
        return sum(self.known) / len(self.known) if self.known else math.nan

    @property
    def low(self) -> float:
        return min(self.known, default=math.nan)

    @property
    def high(self) -> float:
        return max(self.known, default=math.nan)

    def best(self, measure: Measure) -> Outcome | None:
        """The best of its seeds; a collapsed one comes after all others."""
        known = [o for o in self.outcomes if math.isfinite(o.last)]
        return max(known, key=lambda o: (not o.warnings, measure.sign * o.last), default=None)

    def curve(self) -> list[tuple[int, float, float, float]]:
        """Agent steps, and mean, lowest and highest of the seeds measured there."""
        at: dict[int, list[float]] = {}
        for outcome in self.outcomes:
            for steps, value in outcome.points:
                at.setdefault(steps, []).append(value)
        return [(steps, sum(v) / len(v), min(v), max(v)) for steps, v in sorted(at.items())]


def settings(sweep: Sweep, measure: Measure) -> list[Setting]:
    """Every setting of a sweep, the best first and those without a value last.

    The more of its seeds have collapsed, the later comes a setting, whatever it has reached: these
    policies have stopped learning (`trainer.checkpoints.ranking` orders checkpoints alike).
    """
    runs = [*sweep.runs.values()]
    keys = varied_keys(runs)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(identity(_without_seed(run.values)), []).append(run)
    found = [
        Setting(
            setting_text(group[0].values, [k for k in keys if k in group[0].values]),
            _without_seed(group[0].values),
            [_outcome(sweep, run, measure.key) for run in group],
        )
        for group in groups.values()
    ]

    def place(setting: Setting) -> tuple[bool, float, float]:
        collapsed = setting.collapsed / len(setting.outcomes)
        return math.isnan(setting.mean), collapsed, -measure.sign * _or_zero(setting.mean)

    return sorted(found, key=place)


def varied_keys(runs: Iterable[Run]) -> list[str]:
    """The keys but the seed that are not the same for all runs."""
    values: dict[str, set[str]] = {}
    for run in (listed := [*runs]):
        for key, text in run.values.items():
            values.setdefault(key, set()).add(identity({key: text}))
    given = {key: sum(key in run.values for run in listed) for key in values}
    return [
        key
        for key, texts in values.items()
        if key != SEED and (len(texts) > 1 or given[key] < len(listed))
    ]


def as_json(found: Sequence[Setting], measure: Measure) -> dict[str, Any]:
    """Settings as strict JSON; what is unknown is null."""
    return {
        "measure": measure.key,
        "mode": measure.mode,
        "settings": [
            {
                "values": {key: value_of(text) for key, text in setting.values.items()},
                "mean": _finite(setting.mean),
                "low": _finite(setting.low),
                "high": _finite(setting.high),
                "collapsed": setting.collapsed,
                "seeds": [_seed_as_json(outcome) for outcome in setting.outcomes],
            }
            for setting in found
        ],
    }


def _seed_as_json(outcome: Outcome) -> dict[str, Any]:
    run = outcome.run
    return {
        "run": run.name,
        "seed": value_of(run.values[SEED]) if SEED in run.values else None,
        "state": run.state,
        "error": run.error or outcome.problem or None,
        "warnings": [*outcome.warnings],
        "iteration": outcome.iteration,
        "value": _finite(outcome.last),
        "agent_steps": outcome.points[-1][0] if outcome.points else None,
    }


def _outcome(sweep: Sweep, run: Run, key: str) -> Outcome:
    warnings = sweep.warnings(run)
    try:
        rows = read_rows(sweep.checkpoints(run) / HISTORY_NAME)
    except FileNotFoundError:
        return Outcome(run, (), 0, warnings=warnings)
    except (OSError, ValueError) as error:
        return Outcome(run, (), 0, str(error), warnings)
    points = [
        (int(row["agent_steps"]), float(row[key]))
        for row in rows
        if math.isfinite(row.get(key, math.nan)) and math.isfinite(row.get("agent_steps", math.nan))
    ]
    iteration = int(rows[-1]["iteration"]) if rows else 0
    return Outcome(run, points, iteration, warnings=warnings)


def _without_seed(values: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in values.items() if key != SEED}


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
