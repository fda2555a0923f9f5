"""The rule by which a curriculum goes on to its next level."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import Continuation, ResumePolicy, continue_schedules
from trainer.schedules.curves import Piecewise, Schedule
from trainer.schedules.promotion import Criterion, Promotion
from trainer.schedules.scheduler import STAGE, Scheduler

SEEN = Criterion("seen", 0.5, above=False, iterations=3)
LEVELS = ("L0", "L1", "L2")


def after(promotion: Promotion, *values: float) -> Promotion:
    for value in values:
        promotion = promotion.advanced({"seen": value, "other": 9.0})
    return promotion


@pytest.mark.parametrize(
    ("values", "stage", "streak"),
    [
        ((), 0, 0),
        ((0.4, 0.4), 0, 2),
        ((0.4, 0.4, 0.4), 1, 0),
        ((0.4, 0.4, 0.6, 0.4), 0, 1),  # in a row, or it begins anew
        ((0.4, 0.4, math.nan, 0.4), 0, 1),  # not known is not met
        ((0.5, 0.5, 0.5), 0, 0),  # beyond, not at
        ((0.4,) * 6, 2, 0),
        ((0.4,) * 20, 2, 0),  # the last stage stays
        ((0.4,) * 3 + (0.9,) * 9, 1, 0),  # never down
    ],
)
def test_a_stage_rises_after_so_many_iterations_in_a_row(
    values: tuple[float, ...], stage: int, streak: int
) -> None:
    found = after(Promotion(LEVELS, SEEN), *values)
    assert (found.stage, found.streak) == (stage, streak)
    assert found.level == LEVELS[stage]


def test_above_is_the_other_way_round() -> None:
    above = Promotion(LEVELS, replace(SEEN, above=True, iterations=1))
    assert [after(above, value).stage for value in (0.4, 0.5, 0.6)] == [0, 0, 1]


def test_without_a_criterion_the_stage_stays() -> None:
    assert after(Promotion(LEVELS, stage=1), *(0.0,) * 9) == Promotion(LEVELS, stage=1)


@given(values=st.lists(st.sampled_from([0.4, 0.6, math.nan]), max_size=30), stop=st.integers(0, 30))
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(values: list[float], stop: int) -> None:
    start = Promotion(LEVELS, SEEN)
    saved = json.loads(json.dumps(after(start, *values[:stop]).state()))
    assert after(start.resumed(saved), *values[stop:]) == after(start, *values)


@pytest.mark.parametrize(
    ("levels", "stage", "streak"),
    [
        (LEVELS, 1, 2),
        (("L1", "L2"), 0, 2),  # L1, where it was
        (("L0", "L9", "L8", "L1"), 3, 2),
        (("L7", "L8", "L9"), 1, 0),  # its number, where the level is gone
        (("L7",), 0, 0),
    ],
)
def test_a_changed_curriculum_goes_on_at_its_level(
    levels: tuple[str, ...], stage: int, streak: int
) -> None:
    saved = Promotion(LEVELS, SEEN, stage=1, streak=2).state()
    found = Promotion(levels, SEEN).resumed(saved)
    assert (found.stage, found.streak) == (stage, streak)


def test_a_changed_criterion_begins_its_count_anew_at_the_same_stage() -> None:
    saved = Promotion(LEVELS, SEEN, stage=1, streak=2).state()
    for criterion in (replace(SEEN, bound=0.4), replace(SEEN, iterations=9), None):
        assert Promotion(LEVELS, criterion).resumed(saved) == Promotion(LEVELS, criterion, stage=1)


def test_what_is_told() -> None:
    start = Promotion(LEVELS, SEEN)
    wanted = "stage 0 of 0 to 2, L0; then L1, when seen is below 0.5 in 3 iterations in a row"
    assert str(start) == wanted
    assert str(after(start, 0.4)) == f"{wanted}, 1 so far"
    assert str(Promotion(LEVELS, stage=1)) == "stage 1 of 0 to 2, L1; it stays"
    assert str(Promotion(LEVELS, SEEN, stage=2)) == "stage 2 of 0 to 2, L2, the last one"


STEPS = Schedule(Piecewise(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))))


def scheduler(promotion: Promotion | None = None, stage: Schedule | None = None) -> Scheduler:
    """A run of 10 iterations with a curriculum that is promoted or scheduled."""
    configured = {} if stage is None else {STAGE: stage}
    return Scheduler.fresh(
        configured, {STAGE: 0.0}, 10, Alternation(("seeker",)), promotion=promotion
    )


def played(run: Scheduler, *values: float) -> list[float]:
    """The stage of an iteration with each of these means, which are those of its own level."""
    stages = []
    for value in values:
        stages.append(run.env_parameters()["stage"])
        run.advance({})
        run.promote({stages[-1]: {"seen": value}}.__getitem__)
    return stages


def resumed(
    old: Scheduler,
    fresh: Scheduler,
    policy: ResumePolicy = ResumePolicy(),  # noqa: B008
) -> tuple[Scheduler, Continuation]:
    saved = json.loads(json.dumps(old.state()))
    return continue_schedules(fresh, saved, old.iteration, policy)


def test_the_stage_is_a_number_of_the_game_and_its_rise_is_news() -> None:
    run, news = scheduler(Promotion(LEVELS, SEEN)), list[str]()
    for _ in range(4):
        assert played(run, 0.4) == [len(news) // 3]
        news.append(run.news)
    assert news == [
        "",
        "",
        "the curriculum goes on from L0: stage 1 of 0 to 2, L1; then L2, when seen is below 0.5 "
        "in 3 iterations in a row",
        "",
    ]


@pytest.mark.parametrize("stop", range(8))
@pytest.mark.parametrize("mode", ["extend", "constant", "restart"])
def test_a_resumed_run_has_the_stages_of_one_that_was_not_interrupted(stop: int, mode: str) -> None:
    means = (0.4, 0.4, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4)
    straight, first = (scheduler(Promotion(LEVELS, SEEN)) for _ in range(2))
    before = played(first, *means[:stop])
    second, _ = resumed(first, scheduler(Promotion(LEVELS, SEEN)), ResumePolicy(mode))
    assert before + played(second, *means[stop:]) == played(straight, *means)
    assert second.state() == straight.state()


def test_from_a_rule_to_a_schedule_and_back_the_stage_goes_on() -> None:
    ruled = scheduler(Promotion(LEVELS, SEEN))
    played(ruled, *(0.4,) * 6)
    scheduled, told = resumed(ruled, scheduler(stage=STEPS))
    assert scheduled.env_parameters() == {"stage": 0.0}  # as it is said now
    assert told.jumps == {STAGE: (2.0, 0.0)}
    played(scheduled, *(0.4,) * 2)
    assert scheduled.env_parameters() == {"stage": 1.0}
    back, told = resumed(scheduled, scheduler(Promotion(LEVELS, SEEN)), ResumePolicy(carry=True))
    assert back.env_parameters() == {"stage": 1.0}
    assert told.ended == (STAGE,)
    assert told.values == {STAGE: (1.0, 1.0)}


def test_a_schedule_that_only_the_run_has_goes_on_where_nothing_promotes() -> None:
    run = scheduler(stage=STEPS)
    played(run, *(0.4,) * 6)
    now, told = resumed(run, scheduler(Promotion(LEVELS)))
    assert (now.promotion, told.carried) == (None, (STAGE,))
    assert now.env_parameters() == {"stage": 1.0}


def test_a_run_from_before_curricula_begins_at_the_first_stage() -> None:
    old = Scheduler.fresh({}, {}, 10, Alternation(("seeker",)))
    assert "promotion" not in old.state()
    now, _ = resumed(old, scheduler(Promotion(LEVELS, SEEN)))
    assert now.promotion == Promotion(LEVELS, SEEN)
    gone, _ = resumed(now, Scheduler.fresh({}, {}, 10, Alternation(("seeker",))))
    assert gone.promotion is None
