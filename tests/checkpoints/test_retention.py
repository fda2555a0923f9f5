import json
from collections.abc import Collection
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkpoints.fakes import info, kept, names, save
from tests.checkpoints.store_places import Place, everywhere, everywhere_slowly
from trainer.checkpoints.errors import SidecarUnreadable
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.metadata import MODES
from trainer.checkpoints.retention import Retention, reasons

NAN = float("nan")
by_reward = partial(Retention, best_metric="reward_mean")
HISTORY = [info(i, reward_mean=r) for i, r in ((10, 5.0), (20, 9.0), (30, NAN), (40, 9.0), (50, 1))]


@pytest.mark.parametrize(
    ("iterations", "last_n", "protected", "expected"),
    [
        ([], 3, (), set()),
        ([10, 20, 30, 40], 3, (), {20, 30, 40}),
        ([10, 20, 30, 40], 0, (), {10, 20, 30, 40}),
        ([10, 20, 30, 40], 1, (), {40}),
        ([10, 20], 10, (), {10, 20}),
        ([40, 10, 30, 20], 2, (), {30, 40}),
        ([10, 20, 30, 40], 1, (20,), {20, 40}),
        ([10, 20], 1, (15,), {20}),
    ],
)
def test_the_newest(
    iterations: list[int], last_n: int, protected: tuple[int, ...], expected: set[int]
) -> None:
    infos = [info(i) for i in iterations]
    assert kept(infos, Retention(last_n=last_n), protected=protected) == expected


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        (by_reward(last_n=1), {40, 50}),  # of two equal ones the newer
        (by_reward(last_n=1, best_n=1), {40, 50}),
        (by_reward(last_n=1, best_n=2), {20, 40, 50}),
        (by_reward(last_n=1, best_n=9), {10, 20, 40, 50}),  # never the unknown one
        (by_reward(last_n=1, best_mode="min"), {50}),
        (by_reward(last_n=1, best_n=2, best_mode="min"), {10, 50}),
        (Retention(last_n=1, best_metric="nobody_knows"), {50}),
        (by_reward(last_n=1, every=20), {20, 40, 50}),
        (by_reward(last_n=1, every=30), {30, 40, 50}),
        (by_reward(last_n=2), {40, 50}),
        (by_reward(last_n=3), {30, 40, 50}),
    ],
)
def test_the_best_and_the_regular(retention: Retention, expected: set[int]) -> None:
    assert kept(HISTORY, retention) == expected


@pytest.mark.parametrize(
    ("retention", "told"),
    [
        (Retention(), "the last 10 are kept"),
        (Retention(last_n=3, every=50), "the last 3 and the multiples of 50 are kept"),
        (Retention(best_n=2), "the last 10 and the best 2 are kept"),
        (Retention(last_n=0, every=50), "all are kept"),
    ],
)
def test_the_rule_is_told(retention: Retention, told: str) -> None:
    assert retention.told == told


def test_every_reason_is_named() -> None:
    found = reasons(
        HISTORY, by_reward(last_n=2, best_n=1, every=10), pinned={10}, in_use={20}, protected={30}
    )
    assert found == {
        10: ("every 10", "pinned"),
        20: ("every 10", "in use"),
        30: ("every 10", "protected"),
        40: ("last 2", "best", "best 1", "every 10"),
        50: ("latest", "last 2", "every 10"),
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"last_n": -1}, r"last_n must be >= 0 \(0 = keep all\), not -1"),
        ({"best_n": 1.5}, r"best_n must be >= 0 \(0 = only the best\), not 1.5"),
        ({"every": True}, r"every must be >= 0 \(0 = off\), not True"),
        ({"best_mode": "most"}, "best_mode must be 'max' or 'min', not 'most'"),
        ({"best_metric": ""}, "best_metric must be a key of metadata.json, not ''"),
    ],
)
def test_a_wrong_rule_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Retention(**wrong)


def test_a_negative_number_is_refused_when_the_manager_is_made() -> None:
    with pytest.raises(ValueError, match="last_n must be >= 0"):
        CheckpointManager("checkpoints", keep_last_n=-1)


REWARDS = [None, NAN, "high", True, -1.0, 0, 0.5, 1.0, 1, 2.0]
HISTORIES = st.dictionaries(st.integers(0, 60), st.sampled_from(REWARDS), max_size=12)
RULES = st.builds(
    by_reward,
    last_n=st.integers(0, 6),
    best_n=st.integers(0, 4),
    best_mode=st.sampled_from(MODES),
    every=st.integers(0, 9),
)
FEW = st.frozensets(st.integers(0, 60), max_size=3)
CASES = st.tuples(HISTORIES, RULES, FEW, FEW, FEW)


History = dict[int, Any]
"""The reward, or what stands in its place, by iteration."""
Group = Collection[int]
Case = tuple[History, Retention, Group, Group, Group]


def expected_of(history: History, rule: Retention, *groups: Group) -> set[int]:
    """The specification, word by word, one checkpoint at a time."""
    score = {
        i: (r if rule.best_mode == "max" else -r)
        for i, r in history.items()
        if isinstance(r, int | float) and not isinstance(r, bool) and r == r
    }
    result: set[int] = set()
    for i in history:
        newer = sum(other > i for other in history)
        better = sum((s, other) > (score[i], i) for other, s in score.items()) if i in score else 99
        if (
            newer < (rule.last_n or 99)
            or newer == 0
            or better < max(rule.best_n, 1)
            or (rule.every and i % rule.every == 0)
            or any(i in group for group in groups)
        ):
            result.add(i)
    return result


def check(
    history: History,
    rule: Retention,
    pinned: Group,
    in_use: Group,
    protected: Group,
) -> None:
    infos = [info(i, reward_mean=reward) for i, reward in history.items()]
    groups = {"pinned": pinned, "in_use": in_use, "protected": protected}
    result = kept(infos, rule, **groups)
    assert result == expected_of(history, rule, pinned, in_use, protected)
    again = [one for one in infos if one.iteration in result]
    assert kept(again, rule, **groups) == result  # a second prune finds nothing


@settings(deadline=None)
@given(CASES)
def test_what_is_kept_is_what_the_rule_says(case: Case) -> None:
    check(*case)


def test_a_thousand_histories() -> None:
    random = Random(0)
    for _ in range(1000):
        iterations = random.sample(range(61), random.randrange(13))
        rule = by_reward(
            last_n=random.randrange(7),
            best_n=random.randrange(5),
            best_mode=random.choice(MODES),
            every=random.randrange(10),
        )
        named = [random.sample(range(61), random.randrange(4)) for _ in range(3)]
        check({i: random.choice(REWARDS) for i in iterations}, rule, *named)


@everywhere_slowly
def test_a_save_prunes_with_plots_and_histories(place: Place) -> None:
    manager = place.manager(keep_last_n=2)
    for iteration in (10, 20):
        save(manager, iteration)
        (place.directory / f"training_metrics_iter_{iteration}.png").touch()
        (place.directory / f"metrics_iter_{iteration}.json").touch()
    save(manager, 30)
    assert place.names() == [
        "checkpoint_000020",
        "checkpoint_000030",
        "checkpoint_index.json",
        "metrics_iter_20.json",
        "training_metrics_iter_20.png",
    ]


@everywhere_slowly
def test_the_best_stays_beside_the_last(place: Place) -> None:
    manager = place.manager(keep_last_n=2)
    for iteration, reward in ((10, 1.0), (20, 7.0), (30, 2.0), (40, 3.0), (50, 4.0)):
        save(manager, iteration, reward_mean=reward)
    assert manager.listing().iterations == [20, 40, 50]


@everywhere_slowly
def test_a_rule_counts_instead_of_the_number(place: Place) -> None:
    rule = Retention(last_n=1, best_n=2, best_metric="seen_fraction", best_mode="min", every=30)
    manager = place.manager(keep_last_n=1, retention=rule)
    for iteration, seen in ((10, 0.1), (20, 0.2), (30, 0.9), (40, 0.8), (50, 0.7)):
        save(manager, iteration, seen_fraction=seen)
    assert manager.listing().iterations == [10, 20, 30, 50]


@everywhere_slowly
def test_a_metric_that_no_checkpoint_knows_is_told(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    manager = place.manager(retention=Retention(1, best_metric="reward_men"))
    save(manager, 10)
    assert caplog.text == ""
    save(manager, 20)
    assert "no checkpoint knows 'reward_men', so none is kept as the best" in caplog.text


@everywhere_slowly
def test_a_save_never_prunes_itself(place: Place) -> None:
    save(place.manager(), 50)
    save(place.manager(keep_last_n=1), 40)
    assert place.names() == ["checkpoint_000040", "checkpoint_000050", "checkpoint_index.json"]


@everywhere
def test_a_dry_run_names_exactly_what_a_prune_deletes(
    place: Place, manager: CheckpointManager
) -> None:
    for iteration in (10, 20, 30, 40, 50):
        save(manager, iteration)
    (place.directory / "metrics_iter_10.json").touch()
    manager.upload()
    manager.pin(20)
    thrifty = place.manager(keep_last_n=1)
    before = place.names()
    announced = thrifty.prune(dry_run=True)
    assert place.names() == before
    assert thrifty.prune() == announced
    assert set(before) - set(place.names()) == {path.name for path in announced}
    assert [path.name for path in announced] == [
        "metrics_iter_10.json",
        "checkpoint_000010",
        "checkpoint_000030",
        "checkpoint_000040",
    ]
    index = json.loads(place.read("checkpoint_index.json"))
    assert [i["name"] for i in index["checkpoints"]] == ["checkpoint_000020", "checkpoint_000050"]
    assert thrifty.prune() == []


def test_pruning_leaves_what_it_did_not_make(
    place: Place, manager: CheckpointManager, directory: Path
) -> None:
    for iteration in (10, 20, 30):
        save(manager, iteration)
    (directory / "checkpoint_000005").mkdir()
    (directory / "checkpoint_000010").rename(directory / "best_model")
    (directory / "checkpoint_000001.tar.gz").touch()
    place.manager(keep_last_n=1).prune()
    assert names(directory) == [
        "best_model",
        "checkpoint_000001.tar.gz",
        "checkpoint_000005",
        "checkpoint_000030",
        "checkpoint_index.json",
    ]


@everywhere_slowly
def test_unreadable_pins_stop_the_deleting_but_not_the_saving(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    manager = place.manager(keep_last_n=1)
    save(manager, 10)
    manager.pin(10)
    place.change("pins.json", b'{"format": 1, "pinned": [10')
    save(manager, 20)
    assert manager.listing().iterations == [10, 20]
    assert "checkpoint 20 is saved, but cleaning up failed" in caplog.text
    for dry_run in (True, False):
        with pytest.raises(SidecarUnreadable, match=r"pins\.json is not readable"):
            manager.prune(dry_run)
    assert manager.listing().iterations == [10, 20]
