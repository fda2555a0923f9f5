"""Schedules: against torch's, and by their properties, across every kind of continuation."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, StepLR

from trainer.config.schema import Config
from trainer.schedules.active import ActiveSchedule, Span, TrainingStep
from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import ResumePolicy, continue_schedules
from trainer.schedules.curves import (
    Bump,
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
    plain = {"seeker/lr": schedule.curve.at(0.0, 0)}
    configured = {} if schedule.is_constant else {"seeker/lr": schedule}
    return Scheduler.fresh(configured, plain, total, Alternation(TEAMS))


def advanced(schedules: Scheduler, iterations: int) -> Scheduler:
    for _ in range(iterations):
        schedules.advance({"seeker": StepsDone(EPOCHS, EPOCHS * MINIBATCHES)})
    return schedules


def value(schedules: Scheduler) -> float:
    return schedules.values()["seeker/lr"]


def resumed(old: Scheduler, fresh: Scheduler, policy: ResumePolicy = ResumePolicy()) -> Scheduler:  # noqa: B008
    """What goes on in a new process, after a save as JSON."""
    saved = json.loads(json.dumps(old.state()))
    return continue_schedules(fresh, saved, old.iteration, policy)[0]


def near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)


# --- the curves -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["epoch", "update", "iteration"])
@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("linear", {}),
        ("linear", {"final_lr_fraction": 0.0}),
        ("linear", {"final_lr_fraction": 1.0}),
        ("cosine", {"eta_min_fraction": 0.05}),
        ("exponential", {"gamma": 0.9}),
        ("step", {"step_size": 7, "gamma": 0.3}),
    ],
)
def test_learning_rates_are_those_of_torch_step_for_step(
    kind: str, kwargs: dict[str, float], unit: str
) -> None:
    iterations, lr = 6, 3e-4
    settings = {"lr": lr, "lr_schedule_type": kind, "lr_schedule_kwargs": kwargs}
    config = Config.from_dict({"ppo": settings | {"lr_schedule_step_on": unit}})
    active = ActiveSchedule(config.configured_schedules["hider/lr"], Span(iterations))

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=lr)
    per_iteration = {"iteration": 1, "epoch": EPOCHS, "update": EPOCHS * MINIBATCHES}[unit]
    total = iterations * per_iteration
    low = kwargs.get("final_lr_fraction", 0.1)
    theirs = {
        "linear": lambda: LambdaLR(optimizer, lambda step: max(low, 1.0 - step / total)),
        "cosine": lambda: CosineAnnealingLR(optimizer, total, eta_min=lr * 0.05),
        "exponential": lambda: ExponentialLR(optimizer, gamma=0.9),
        "step": lambda: StepLR(optimizer, step_size=7, gamma=0.3),
    }[kind]()

    for iteration in range(iterations):
        for update in range(EPOCHS * MINIBATCHES):
            step = TrainingStep(
                iteration,
                epoch=update // MINIBATCHES,
                epochs=EPOCHS,
                update=update,
                updates=EPOCHS * MINIBATCHES,
                past_epochs=iteration * EPOCHS,
                past_updates=iteration * EPOCHS * MINIBATCHES,
            )
            expected = optimizer.param_groups[0]["lr"]
            assert active.value(step) == pytest.approx(expected, rel=1e-12, abs=1e-18)
            optimizer.step()
            ends = {
                "update": True,
                "epoch": (update + 1) % MINIBATCHES == 0,
                "iteration": update + 1 == EPOCHS * MINIBATCHES,
            }[unit]
            if ends:
                theirs.step()


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


def test_a_bump_follows_each_switch_and_only_that() -> None:
    schedules = Scheduler.fresh(
        {"seeker/entropy_coeff": Schedule(Constant(1.0), bump=Bump(3.0, 2))},
        {},
        100,
        Alternation(TEAMS, every=4),
    )
    found = []
    for _ in range(12):
        found.append(schedules.values()["seeker/entropy_coeff"])
        schedules.advance({})
    assert found == [1.0] * 4 + [3.0, 3.0, 1.0, 1.0] * 2


@given(schedule=schedules)
def test_a_schedule_survives_json(schedule: Schedule) -> None:
    assert Schedule.from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule


# --- continuation ---------------------------------------------------------------------------------


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
    now, told = continue_schedules(fresh, old.state(), 10, ResumePolicy(rescale=True))
    assert [value(now), value(advanced(now, 5))] == [0.5, 0.75]
    assert told.jumps == {"seeker/lr": (1.0, 0.5)}
    assert (told.old_total, told.new_total, told.position) == (10, 20, 10)


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
    now, told = continue_schedules(run(curve, 20), old.state(), 10, ResumePolicy())
    assert value(now) == 1.0
    assert told.jumps == {"seeker/lr": (0.0, 1.0)}


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


def test_decays_neither_vanish_nor_overflow() -> None:
    assert Decay(1.0, 0.5).at(0.0, 5000) > 0.0
    assert Decay(1.0, 1.5).at(0.0, 5000) == math.inf
    assert Step(1.0, 1.5, 1).at(0.0, 5000) == math.inf


def test_what_was_a_plain_number_begins_its_schedule_now() -> None:
    old = advanced(run(Constant(0.3), 10), 10)
    now, told = continue_schedules(run(Linear(0.2, 0.1), 20), old.state(), 10, ResumePolicy())
    assert value(now) == 0.2
    assert value(advanced(now, 5)) == pytest.approx(0.15)
    assert told.jumps == {"seeker/lr": (0.3, 0.2)}


def test_a_changed_plain_number_simply_counts() -> None:
    old = advanced(run(Constant(0.3), 10), 4)
    for mode in ("extend", "constant", "restart"):
        now, told = continue_schedules(run(Constant(0.2), 10), old.state(), 4, ResumePolicy(mode))
        assert value(now) == 0.2
        assert told.values == {}


def test_a_schedule_that_is_not_mentioned_again_goes_on() -> None:
    old = advanced(run(Linear(1.0, 0.0), 20), 10)
    silent = run(Constant(1.0), 40)
    now, told = continue_schedules(silent, old.state(), 10, ResumePolicy())
    assert told.carried == ("seeker/lr",)
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
    now, told = continue_schedules(run(Linear(1.0, 0.0), 20), None, 10, ResumePolicy())
    assert told.old_total is None
    assert [value(now), value(advanced(now, 5))] == [1.0, 0.5]


def test_a_fixed_total_may_be_shorter() -> None:
    old = advanced(run(Linear(1.0, 0.0), 20), 10)
    assert resumed(old, run(Linear(1.0, 0.0), 15)).total == 20
    now = resumed(old, run(Linear(1.0, 0.0), 15), ResumePolicy(fixed_total=True))
    assert (value(now), now.total) == (0.5, 15)
    assert value(advanced(now, 5)) == 0.0


# --- alternation ----------------------------------------------------------------------------------


@given(every=st.integers(1, 5), stop=st.integers(0, 20))
def test_teams_take_turns_across_a_resume(every: int, stop: int) -> None:
    fresh = now = Alternation(TEAMS, every)
    turns = []
    for iteration in range(24):
        if iteration == stop:
            now = fresh.resumed(json.loads(json.dumps(now.state())))
        assert now.trains("seeker") != now.trains("hider")
        turns.append(now.trains("seeker"))
        now = now.advanced()
    assert turns == [(iteration // every) % 2 == 0 for iteration in range(24)]


def test_a_restored_run_stands_where_it_stood() -> None:
    fresh = replace(run(Linear(1.0, 0.0), 30), alternation=Alternation(TEAMS, every=4))
    old = advanced(replace(fresh, steps_done={}), 6)
    assert old.alternation.since_switch == 2
    now = continue_schedules(fresh, json.loads(json.dumps(old.state())), 6, ResumePolicy())[0]
    assert now.state() == old.state()


def test_without_alternation_all_learn() -> None:
    both = Alternation(TEAMS).advanced()
    assert both.trains("seeker")
    assert both.trains("hider")
    assert both.since_switch is None
    assert Alternation(TEAMS, 3).resumed(both.state()).trains("seeker")


def test_a_shorter_turn_may_be_over_at_once() -> None:
    old = replace(Alternation(TEAMS, 10), done=4)
    assert not Alternation(TEAMS, 3).resumed(old.state()).trains("seeker")
    assert Alternation(TEAMS, 5).resumed(old.state()).trains("seeker")
