"""Curves and the schedules made of them, by their properties."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schedules.runs import (
    between,
    piecewise,
    schedules,
)
from trainer.schedules.active import ActiveSchedule, Span, TrainingStep
from trainer.schedules.curves import (
    Constant,
    Cosine,
    Decay,
    Exponential,
    Linear,
    Piecewise,
    Schedule,
    Step,
)


@given(curve=between, total=st.integers(1, 500))
def test_a_curve_runs_from_its_start_to_its_end_and_never_turns(curve: Linear, total: int) -> None:
    found = [
        ActiveSchedule(Schedule(curve), Span(total)).value(TrainingStep(i))
        for i in range(total + 3)
    ]
    assert found[0] == curve.start
    assert found[total:] == [curve.end] * 3
    slack = 1e-12 * max(found)
    steps = [later - earlier for earlier, later in itertools.pairwise(found)]
    falling = curve.end <= curve.start
    assert all((step <= slack) if falling else (step >= -slack) for step in steps)
    assert all(min(curve.start, curve.end) - slack <= v <= max(curve.start, curve.end) + slack
               for v in found)  # fmt: skip


@given(points=piecewise, progress=st.floats(0.0, 1.0))
def test_piecewise_passes_its_points_and_stays_between_neighbors(
    points: Piecewise, progress: float
) -> None:
    low, high = min(points.extremes()), max(points.extremes())
    assert low - 1e-9 <= points.at(progress, 0) <= high + 1e-9
    for x, y in dict(points.points).items():
        assert points.at(x, 0) == pytest.approx(y)


def test_the_middle_of_each_curve() -> None:
    assert Linear(1.0, 3.0).at(0.5, 0) == 2.0
    assert Cosine(1.0, 3.0).at(0.5, 0) == pytest.approx(2.0)
    assert Cosine(1.0, 3.0).at(0.25, 0) == pytest.approx(2.0 - math.sqrt(0.5))
    assert Exponential(1.0, 4.0).at(0.5, 0) == pytest.approx(2.0)
    assert Decay(8.0, 0.5).at(0.9, 3) == 1.0
    assert Step(8.0, 0.5, 2).at(0.0, 5) == 2.0
    assert Piecewise(((0.2, 1.0), (0.6, 3.0))).at(0.3, 0) == pytest.approx(1.5)


def test_warmup_rises_to_the_curve_and_then_leaves_it_alone() -> None:
    active = ActiveSchedule(Schedule(Constant(8.0), warmup=3), Span(10))
    assert [active.value(TrainingStep(i)) for i in range(5)] == [2.0, 4.0, 6.0, 8.0, 8.0]


@given(schedule=schedules)
def test_a_schedule_survives_json(schedule: Schedule) -> None:
    assert Schedule.from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule


def test_decays_neither_vanish_nor_overflow() -> None:
    assert Decay(1.0, 0.5).at(0.0, 5000) > 0.0
    assert Decay(1.0, 1.5).at(0.0, 5000) == math.inf
    assert Step(1.0, 1.5, 1).at(0.0, 5000) == math.inf
