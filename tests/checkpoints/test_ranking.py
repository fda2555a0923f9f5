"""Which checkpoint is the best: one metric everywhere, and no collapsed one before a good one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import info, kept, open_past_damage, save
from trainer.checkpoints import ranking
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.index import Listing
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.metadata import METRIC_KEYS, BestBy
from trainer.checkpoints.retention import Retention, reasons
from trainer.commands.checkpoint_tools.checkpoint_table import render
from trainer.commands.players.shelf import Shelf

SICK = ["seeker_policy collapsed in iteration 3"]
SEEN = {"metric": "seen_fraction", "mode": "min"}


def listing(values: Mapping[int, dict[str, Any]]) -> Listing:
    return Listing(tuple(info(i, **metadata) for i, metadata in values.items()))


def test_without_an_evaluation_the_newest_is_the_best() -> None:
    by = BestBy("evaluation/score", "max")
    recorded_by = {"metric": by.metric, "mode": by.mode}
    plain = [info(i, reward_mean=-i, best_by=recorded_by) for i in (1, 2, 3)]
    assert ranking.in_force(plain, by) == BestBy("iteration", "max")
    assert ranking.best_by(plain) == BestBy()
    note = "no sound checkpoint has evaluation/score, so the best is the newest"
    assert ranking.fallback_note(plain) == ranking.fallback_note(plain, by) == note
    scored: dict[str, Any] = {by.metric: 0.5}
    evaluated = [*plain, info(4, best_by=recorded_by, **scored)]
    assert ranking.in_force(evaluated, by) == ranking.best_by(evaluated) == by
    assert ranking.fallback_note(evaluated) == ranking.fallback_note([]) == ""
    assert reasons(plain, Retention(1, 2, by.metric, by.mode))[2] == ("best 2",)


def test_the_best_is_the_most_trained_one_that_is_well() -> None:
    found = listing({1: {"reward_mean": 38.0}, 2: {}, 3: {"warnings": SICK}, 4: {"warnings": SICK}})
    top = ranking.best(found.checkpoints)
    assert top is not None
    assert top.iteration == 2
    assert reasons(found.checkpoints, Retention(1, best_n=1)) == {
        2: ("best", "best 1"),
        4: ("latest", "last 1"),
    }


def test_a_collapsed_one_that_alone_was_evaluated_is_not_the_best() -> None:
    by = BestBy("evaluation/score", "max")
    scored: dict[str, Any] = {by.metric: 0.5, "warnings": SICK}
    found = [info(1), info(2), info(3, **scored)]
    assert ranking.in_force(found, by) == BestBy("iteration", "max")
    assert kept(found, Retention(1, best_metric=by.metric)) == {2, 3}
    recorded = [info(1), info(2), info(3, **scored, best_by=vars(by))]
    top = ranking.best(recorded)
    assert top is not None
    assert top.iteration == 2


def test_no_score_makes_a_collapsed_one_the_best_unless_all_are() -> None:
    found = listing({1: {"loss": 1.0}, 2: {"loss": 9.0, "warnings": SICK}, 3: {"loss": 2.0}})
    assert kept(found.checkpoints, Retention(1, best_metric="loss", best_n=1)) == {3}
    all_sick = listing({1: {"warnings": SICK}, 2: {"warnings": SICK}})
    top = ranking.best(all_sick.checkpoints)
    assert top is not None
    assert top.iteration == 2


@pytest.mark.parametrize("warnings", [[], None, "text", [3], {}, 7])
def test_what_makes_no_sense_as_warnings_is_none(warnings: object) -> None:
    top = ranking.best(listing({1: {}, 2: {"warnings": warnings}}).checkpoints)
    assert top is not None
    assert top.iteration == 2


def test_a_reader_goes_by_what_the_newest_checkpoint_says() -> None:
    by_seen, by_reward = {"best_by": SEEN}, {"best_by": {"metric": "reward_mean", "mode": "max"}}
    saved = listing({1: by_seen, 2: by_reward, 3: {}}).checkpoints
    assert ranking.best_by(saved) == BestBy("reward_mean", "max")
    assert ranking.best_by(saved[:1]) == BestBy("seen_fraction", "min")
    assert ranking.best_by(saved[2:]) == BestBy("iteration", "max")
    assert ranking.best_by(saved, mode="min") == BestBy("reward_mean", "min")
    # The metric of the run in its own direction, another one upwards.
    assert ranking.best_by(saved[:1], "seen_fraction") == BestBy("seen_fraction", "min")
    assert ranking.best_by(saved[:1], "perfect_hide") == BestBy("perfect_hide", "max")


@pytest.mark.parametrize(
    "best_by",
    [
        None,
        "reward_mean",
        ["reward_mean", "max"],
        {},
        {"metric": "reward_mean"},
        {"metric": "reward_mean", "mode": "most"},
        {"metric": "no_such_thing", "mode": "max"},
        {"metric": 7, "mode": "max"},
        {"metric": ["reward_mean"], "mode": "max"},
    ],
)
def test_a_record_that_makes_no_sense_is_passed_over(best_by: object) -> None:
    saved = listing({1: {"best_by": SEEN}, 2: {"best_by": best_by}})
    assert ranking.best_by(saved.checkpoints) == BestBy("seen_fraction", "min")
    assert ranking.best(saved.checkpoints) is None


def test_everything_goes_by_the_metric_of_the_run(tmp_path: Path) -> None:
    """Retention, getter, selectors, list and demo agree, with and without the configuration."""
    rule = Retention(last_n=1, best_metric="seen_fraction", best_mode="min")
    trained = CheckpointManager(tmp_path, retention=rule)
    for iteration, seen in ((10, 0.4), (20, 0.1), (30, 0.9), (40, 0.3)):
        save(trained, iteration, seen_fraction=seen, best_by=None)
    reader = CheckpointManager(tmp_path)
    best = tmp_path / "checkpoint_000020"
    assert trained.listing().iterations == [20, 40]
    assert reader.list_checkpoints()[0]["best_by"] == SEEN
    for manager in (trained, reader):
        assert manager.get_best_checkpoint() == str(best)
        assert manager.open("best") == open_past_damage(manager, "best")[0] == best
    assert reader.get_best_checkpoint("iteration") == str(tmp_path / "checkpoint_000040")
    assert Shelf(str(tmp_path)).find("best") == best
    shown = render(reader.listing(), tmp_path)
    (marked,) = (line for line in shown if "[BEST]" in line)
    assert best.name in marked
    assert "   Best (lowest) seen_fraction: 0.1 (iteration 20)" in shown
    other = Retention(last_n=1, best_metric="iteration")
    assert CheckpointManager(tmp_path, retention=other).open("best").name == "checkpoint_000040"


def test_a_collapsed_checkpoint_is_marked_in_the_table() -> None:
    found = listing({1: {}, 2: {"warnings": [*SICK, "\033[2J"]}})
    for detailed in (False, True):
        shown = render(found, "here", detailed=detailed)
        assert all(line.isprintable() for line in shown)
        (marked,) = (line for line in shown if "[COLLAPSED]" in line)
        assert "checkpoint_000002" in marked
        assert any(SICK[0] in line for line in shown) is detailed


LISTING = (
    info(10, size_bytes=30, reward_mean=2.0, run_name="b", loss=1.0, odd=[1]),
    info(20, size_bytes=10, reward_mean=float("nan"), run_name="a", loss=3.0),
    info(30, size_bytes=20, reward_mean=1.0, run_name=7, loss=1.0),
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("iteration", [10, 20, 30]),
        ("iteration:desc", [30, 20, 10]),
        ("size_bytes", [20, 30, 10]),
        ("reward_mean", [30, 10, 20]),  # the unknown one is last, whichever the direction
        ("reward_mean:desc", [10, 30, 20]),
        ("reward_mean:asc", [30, 10, 20]),
        ("run_name", [30, 20, 10]),  # numbers before texts
        ("loss", [10, 30, 20]),
        ("odd", [10, 20, 30]),
        ("seed", [10, 20, 30]),
    ],
)
def test_the_order(key: str, expected: list[int]) -> None:
    assert [found.iteration for found in ranking.ordered(LISTING, key)] == expected


@pytest.mark.parametrize(
    ("metric", "expected"), [("reward_mean", 10), ("loss:min", 30), ("loss", 20), ("loss:max", 20)]
)
def test_the_best_by_a_text(metric: str, expected: int) -> None:
    by = ranking.parse_best_by(LISTING, metric)
    found = ranking.best(LISTING, by)
    assert found is not None
    assert (found.iteration, by.metric) == (expected, metric.split(":")[0])


def test_a_number_of_the_evaluations_may_lack_their_prefix() -> None:
    numbers = {10: 0.2, 20: 0.4, 30: 0.3}
    scored = listing({i: {"evaluation/score": number} for i, number in numbers.items()})
    found = best_by_text(scored.checkpoints, "score")
    lowest = best_by_text(scored.checkpoints, "score:min")
    assert found is not None
    assert lowest is not None
    assert (found.iteration, lowest.iteration) == (20, 10)
    order = [each.iteration for each in ranking.ordered(scored.checkpoints, "score:desc")]
    assert order == [20, 30, 10]
    own = listing({1: {"score": 1.0, "evaluation/score": 0.0}, 2: {"score": 0.0}}).checkpoints
    assert ranking.parse_best_by(own, "score").metric == "score"


def best_by_text(checkpoints: tuple[CheckpointInfo, ...], text: str) -> CheckpointInfo | None:
    return ranking.best(checkpoints, ranking.parse_best_by(checkpoints, text))


@pytest.mark.parametrize("choose", [ranking.ordered, best_by_text])
def test_mistakes_name_the_way_on(
    choose: Callable[[tuple[CheckpointInfo, ...], str], object],
) -> None:
    with pytest.raises(ValueError, match=r"'rewrd_mean'; did you mean 'reward_mean'?"):
        choose(LISTING, "rewrd_mean")
    with pytest.raises(ValueError, match=r"'loss:up' must end with :\w+, :\w+ or neither"):
        choose(LISTING, "loss:up")


def test_every_metric_is_shown_where_none_is_near() -> None:
    checkpoints = listing({1: {f"a{k}": 1.0 for k in range(30)}}).checkpoints
    with pytest.raises(ValueError, match=r"metric 'zzz'; there is: .* more$") as metric:
        ranking.best(checkpoints, BestBy("zzz"))
    with pytest.raises(ValueError, match=r"key 'zzz'; there is: .* more ") as key:
        ranking.ordered(checkpoints, "zzz")
    for caught in (metric, key):
        assert all(f" {name}," in str(caught.value) for name in METRIC_KEYS)
