"""Runs with a schedule, and strategies for schedules."""

from __future__ import annotations

import json
import math

from hypothesis import strategies as st

from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import ResumePolicy, continue_schedules
from trainer.schedules.curves import (
    Constant,
    Cosine,
    Curve,
    Decay,
    Exponential,
    Linear,
    Piecewise,
    Schedule,
    Step,
)
from trainer.schedules.scheduler import Scheduler, StepsDone

TEAMS = ("seeker", "hider")
EPOCHS, MINIBATCHES = 3, 5

values = st.floats(1e-6, 1e3)
between = st.one_of(*(st.builds(kind, values, values) for kind in (Linear, Cosine, Exponential)))
decays = st.one_of(
    st.builds(Decay, values, st.floats(0.5, 1.0)),
    st.builds(Step, values, st.floats(0.1, 1.0), st.integers(1, 9)),
)
knots = st.lists(st.tuples(st.floats(0.0, 1.0), values), min_size=1, max_size=5)
piecewise = knots.map(lambda points: Piecewise(tuple(sorted(points))))
curves = st.one_of(st.builds(Constant, values), between, decays, piecewise)
schedules = st.builds(
    Schedule, curves, st.sampled_from(["iteration", "epoch", "update"]), st.integers(0, 4)
)


def run(curve: Curve | Schedule, total: int) -> Scheduler:
    """A run with one schedule, as "seeker/lr"."""
    schedule = curve if isinstance(curve, Schedule) else Schedule(curve)
    base_values = {"seeker/lr": schedule.curve.at(0.0, 0)}
    configured = {} if schedule.is_constant else {"seeker/lr": schedule}
    return Scheduler.fresh(configured, base_values, total, Alternation(TEAMS))


def advanced(schedules: Scheduler, iterations: int) -> Scheduler:
    for _ in range(iterations):
        schedules.advance({"seeker": StepsDone(EPOCHS, EPOCHS * MINIBATCHES)})
    return schedules


def value(schedules: Scheduler) -> float:
    return schedules.values()["seeker/lr"]


def resumed(old: Scheduler, fresh: Scheduler, policy: ResumePolicy = ResumePolicy()) -> Scheduler:  # noqa: B008
    """The run in a new process, after a save as JSON."""
    saved = json.loads(json.dumps(old.state()))
    return continue_schedules(fresh, saved, old.iteration, policy)[0]


def near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
