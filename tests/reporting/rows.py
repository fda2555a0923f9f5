"""Rows of metrics as a training would give them, for the tests of everything that shows them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from trainer.reporting.metrics import Row, describe_evaluation, empty_row


def make_row(iteration: int) -> Row:
    rng = np.random.default_rng(iteration)
    row = empty_row()
    row.update({key: float(rng.normal()) for key, value in row.items() if isinstance(value, float)})
    row.update(
        {
            "iteration": iteration,
            "env_steps": 1000 * iteration,
            "agent_steps": 4000 * iteration,
            "episodes_completed": 30 * iteration,
            "episodes_this_iter": 30,
            "runners_missing": 0,
            "time/iteration_s": 2.0,
            "agent_steps_per_s": 2000.0,
            "seeker/vf_explained_var": float("nan"),
        }
    )
    return row


STAGES_L4 = {
    **{"hider_box_prep": 2.345, "hider_box_main": 0.3, "seeker_box_main": 0.2},
    **{"hider_ramp_prep": 1.25, "hider_ramp_main": 0.0, "seeker_ramp_main": 0.1},
    **{"hider_locks_prep": 0.8, "hider_locks_main": 0.1, "seeker_locks_main": 0.05},
    **{"hider_crossings": 0.01, "seeker_crossings": 0.12},
    **{"door_blocked": 0.42, "sealed": 0.31, "sealed_at_end": 0.22},
}
STAGES_L3 = {k: v for k, v in STAGES_L4.items() if "ramp" not in k and "crossings" not in k}
"""What a row has beside the others at a level with boxes and ramps, and with boxes alone."""


OPPONENTS = {"seeker": ("random", "runner", "past"), "hider": ("random", "chaser", "past")}
EVALUATED: Row = {
    key: 0.25 + 0.0625 * place for place, key in enumerate(describe_evaluation(OPPONENTS))
} | {
    **{"evaluation/score": 0.612, "evaluation/seeker": 0.581, "evaluation/hider": 0.643},
    **{"evaluation/seeker_rating": 28.13, "evaluation/hider_rating": 26.4},
}
NOT_EVALUATED: Row = dict.fromkeys(EVALUATED, math.nan)
"""What the row of an iteration with and without an evaluation has beside the others."""


def evaluated(count: int, every: int) -> dict[str, np.ndarray]:
    """The columns of evaluations in every so many of the iterations, each [count]."""
    rng, iterations = np.random.default_rng(every), np.arange(1, count + 1)
    return {
        key: np.where(iterations % every == 0, value + 0.05 * rng.random(count), np.nan)
        for key, value in EVALUATED.items()
    }


def read_export(path: Path) -> list[Row]:
    """The rows of a `metrics_iter_N.json`, null as nan."""
    rows = json.loads(path.read_bytes(), parse_constant=refuse)
    return [{k: math.nan if v is None else v for k, v in row.items()} for row in rows]


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is not strict JSON")


def make_columns(count: int) -> dict[str, np.ndarray]:
    rows = [make_row(i) for i in range(1, count + 1)]
    return {key: np.array([row[key] for row in rows], np.float64) for key in empty_row()}
