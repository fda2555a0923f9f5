"""Schedules across every kind of resume, by their properties."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schedules.runs import (
    advanced,
    between,
    near,
    resumed,
    run,
    schedules,
    value,
)
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


@given(schedule=schedules, total=st.integers(1, 60), part=st.floats(0, 1))
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    schedule: Schedule, total: int, part: float
) -> None:
    straight, old = run(schedule, total), run(schedule, total)
    stop = round(part * total)
    now = resumed(advanced(old, stop), run(schedule, total))
    advanced(straight, stop)
    for _ in range(total - stop + 2):
        assert value(now) == value(straight)  # to the last bit
        advanced(now, 1), advanced(straight, 1)


@given(
    schedule=schedules,
    total=st.integers(1, 40),
    more=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=4),
)
def test_extending_never_jumps_and_ends_at_the_end(
    schedule: Schedule, total: int, more: list[tuple[int, int]]
) -> None:
    now = run(schedule, total)
    for steps, longer in more:
        advanced(now, min(steps, now.total - now.iteration))
        total = now.total + longer
        before = value(now)
        now = resumed(now, run(schedule, total))
        assert now.total == total
        assert near(value(now), before)
    advanced(now, now.total - now.iteration)
    curve = schedule.curve
    if isinstance(curve, Linear | Cosine | Exponential) and now.iteration > schedule.warmup:
        assert value(now) == curve.end


@given(curve=between, total=st.integers(2, 40), longer=st.integers(1, 40), part=st.floats(0, 0.99))
def test_an_extended_curve_keeps_its_direction_and_reaches_its_end_at_the_new_total(
    curve: Linear, total: int, longer: int, part: float
) -> None:
    now = resumed(advanced(run(curve, total), int(part * total)), run(curve, total + longer))
    found = []
    while now.iteration < now.total:
        found.append(value(now))
        advanced(now, 1)
    assert value(now) == curve.end
    assert sorted(found, reverse=curve.end < curve.start) == pytest.approx(found, rel=1e-12)


def test_a_finished_schedule_stays_at_its_end() -> None:
    now = resumed(advanced(run(Linear(0.01, 0.001), 5), 5), run(Linear(0.01, 0.001), 10))
    assert [value(advanced(now, 1)) for _ in range(5)] == [0.001] * 5


def test_rescale_is_the_formula_alone_and_says_what_jumps() -> None:
    old = advanced(run(Linear(0.0, 1.0), 10), 10)
    fresh = run(Linear(0.0, 1.0), 20)
    now, report = continue_schedules(fresh, old.state(), 10, ResumePolicy(rescale=True))
    assert [value(now), value(advanced(now, 5))] == [0.5, 0.75]
    assert report.jumps == {"seeker/lr": (1.0, 0.5)}
    assert (report.old_total, report.new_total, report.position) == (10, 20, 10)


@given(schedule=schedules, done=st.integers(0, 20))
def test_constant_holds_what_was_reached(schedule: Schedule, done: int) -> None:
    old = advanced(run(schedule, 20), done)
    reached = value(old)
    now = resumed(old, run(schedule, 30), ResumePolicy("constant"))
    if schedule.is_constant:
        reached = schedule.curve.at(0.0, 0)
    assert {value(advanced(now, 1)) for _ in range(10)} == {reached}
    # An interruption of the held run changes nothing, in the default mode.
    again = resumed(now, run(schedule, 30))
    assert value(again) == reached


@given(schedule=schedules, done=st.integers(0, 20))
def test_restart_is_a_new_run_from_now_on(schedule: Schedule, done: int) -> None:
    now = resumed(
        advanced(run(schedule, 20), done), run(schedule, done + 15), ResumePolicy("restart")
    )
    new = run(schedule, 15)
    for _ in range(17):
        assert near(value(now), value(new))
        advanced(now, 1), advanced(new, 1)


@pytest.mark.parametrize("done", [0, 7, 20])
def test_another_end_is_reached_from_where_the_run_stands(done: int) -> None:
    old = advanced(run(Cosine(1.0, 0.1), 20), done)
    reached = value(old)
    now = resumed(old, run(Linear(1.0, 0.5), 30))
    assert near(value(now), reached)
    advanced(now, (30 - done) // 2)
    assert value(now) == pytest.approx(reached + (0.5 - reached) * ((30 - done) // 2) / (30 - done))
    assert value(advanced(now, 30)) == 0.5


@pytest.mark.parametrize(
    "curve", [Linear(1.0, 0.5), Exponential(1.0, 0.5), Decay(1.0, 0.9), Step(1.0, 0.5, 3)]
)
def test_a_curve_that_has_come_down_to_0_does_not_hold_its_successor_there(curve: Curve) -> None:
    old = advanced(run(Cosine(1.0, 0.0), 10), 10)
    now, report = continue_schedules(run(curve, 20), old.state(), 10, ResumePolicy())
    assert value(now) == 1.0
    assert report.jumps == {"seeker/lr": (0.0, 1.0)}


def test_another_first_value_is_begun_with() -> None:
    old = advanced(run(Cosine(1.0, 0.1), 10), 5)
    now = resumed(old, run(Cosine(0.4, 0.1), 10))
    assert [value(now), value(advanced(now, 5))] == [0.4, 0.1]


def test_points_with_the_same_beginning_go_on_from_where_the_run_stands() -> None:
    old = advanced(run(Piecewise(((0.0, 1.0), (1.0, 0.0))), 10), 5)
    now = resumed(old, run(Piecewise(((0.0, 1.0), (0.8, 0.2), (1.0, 0.2))), 10))
    assert [value(now), value(advanced(now, 5))] == [0.5, 0.2]


def test_a_warm_up_is_not_cut_short_by_another_end() -> None:
    old = advanced(run(Schedule(Linear(1.0, 0.5), warmup=9), 100), 2)
    before = value(old)
    now = resumed(old, run(Schedule(Linear(1.0, 0.9), warmup=9), 100))
    assert near(value(now), before)
    assert value(advanced(now, 7)) > 0.95


def test_what_was_a_plain_number_begins_its_schedule_now() -> None:
    old = advanced(run(Constant(0.3), 10), 10)
    now, report = continue_schedules(run(Linear(0.2, 0.1), 20), old.state(), 10, ResumePolicy())
    assert value(now) == 0.2
    assert value(advanced(now, 5)) == pytest.approx(0.15)
    assert report.jumps == {"seeker/lr": (0.3, 0.2)}


def test_a_changed_plain_number_simply_counts() -> None:
    old = advanced(run(Constant(0.3), 10), 4)
    for mode in ("extend", "constant", "restart"):
        now, report = continue_schedules(run(Constant(0.2), 10), old.state(), 4, ResumePolicy(mode))
        assert value(now) == 0.2
        assert report.values == {}


def test_a_schedule_that_is_not_mentioned_again_goes_on() -> None:
    old = advanced(run(Linear(1.0, 0.0), 20), 10)
    silent = run(Constant(1.0), 40)
    now, report = continue_schedules(silent, old.state(), 10, ResumePolicy())
    assert report.carried == ("seeker/lr",)
    assert [value(now), value(advanced(now, 15))] == [0.5, 0.25]
    again = resumed(now, run(Constant(1.0), 40))
    assert value(advanced(again, 15)) == 0.0
    # Another number and an explicit constant end it; a restart begins it again.
    assert value(resumed(old, run(Constant(0.7), 40))) == 0.7
    explicit = replace(silent, configured={"seeker/lr": Schedule(Constant(0.6))})
    assert value(resumed(old, explicit)) == 0.6
    anew = resumed(old, silent, ResumePolicy("restart"))
    assert [value(anew), value(advanced(anew, 15))] == [1.0, 0.5]
    assert value(resumed(old, silent, ResumePolicy("constant"))) == 0.5


def test_a_checkpoint_without_schedules_begins_them_now() -> None:
    now, report = continue_schedules(run(Linear(1.0, 0.0), 20), None, 10, ResumePolicy())
    assert report.old_total is None
    assert [value(now), value(advanced(now, 5))] == [1.0, 0.5]


def test_a_fixed_total_may_be_shorter() -> None:
    old = advanced(run(Linear(1.0, 0.0), 20), 10)
    assert resumed(old, run(Linear(1.0, 0.0), 15)).total == 20
    now = resumed(old, run(Linear(1.0, 0.0), 15), ResumePolicy(fixed_total=True))
    assert (value(now), now.total) == (0.5, 15)
    assert value(advanced(now, 5)) == 0.0
