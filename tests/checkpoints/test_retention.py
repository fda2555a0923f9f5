import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkpoints.fakes import info, names, save
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.retention import kept

HISTORIES = st.lists(st.integers(0, 10_000), unique=True, max_size=40)


@pytest.mark.parametrize(
    ("iterations", "keep_last_n", "protected", "expected"),
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
def test_table(iterations, keep_last_n, protected, expected):
    assert kept([info(i) for i in iterations], keep_last_n, protected) == expected


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="keep_last_n must be >= 0"):
        kept([], -1)
    with pytest.raises(ValueError, match="keep_last_n must be >= 0"):
        CheckpointManager("checkpoints", keep_last_n=-1)


@settings(deadline=None)
@given(HISTORIES, st.integers(0, 12), st.sets(st.integers(0, 10_000), max_size=3))
def test_what_is_kept_is_there_and_newest(iterations, keep_last_n, protected):
    result = kept([info(i) for i in iterations], keep_last_n, protected)
    assert result <= set(iterations)
    assert protected & set(iterations) <= result
    dropped = set(iterations) - result
    if iterations:
        assert max(iterations) in result
    if keep_last_n == 0:
        assert not dropped
    else:
        assert len(result - protected) <= keep_last_n
        assert all(sum(other > gone for other in result) >= keep_last_n for gone in dropped)


@settings(deadline=None)
@given(HISTORIES, st.integers(0, 12))
def test_keeping_again_changes_nothing(iterations, keep_last_n):
    once = kept([info(i) for i in iterations], keep_last_n)
    assert kept([info(i) for i in once], keep_last_n) == once


def test_a_save_prunes_with_plots_and_histories(directory):
    manager = CheckpointManager(directory, keep_last_n=2)
    for iteration in (10, 20):
        save(manager, iteration)
        (directory / f"training_metrics_iter_{iteration}.png").touch()
        (directory / f"metrics_iter_{iteration}.json").touch()
    save(manager, 30)
    assert names(directory) == [
        "checkpoint_000020",
        "checkpoint_000030",
        "checkpoint_index.json",
        "metrics_iter_20.json",
        "training_metrics_iter_20.png",
    ]


def test_a_save_never_prunes_itself(directory):
    save(CheckpointManager(directory), 50)
    save(CheckpointManager(directory, keep_last_n=1), 40)
    assert names(directory) == ["checkpoint_000040", "checkpoint_000050", "checkpoint_index.json"]


def test_a_dry_run_names_exactly_what_a_prune_deletes(directory, manager):
    for iteration in (10, 20, 30, 40):
        save(manager, iteration)
    (directory / "metrics_iter_10.json").touch()
    thrifty = CheckpointManager(directory, keep_last_n=1)
    before = names(directory)
    announced = thrifty.prune(dry_run=True)
    assert names(directory) == before
    assert thrifty.prune() == announced
    assert set(before) - set(names(directory)) == {path.name for path in announced}
    assert [path.name for path in announced] == [
        "metrics_iter_10.json",
        "checkpoint_000010",
        "checkpoint_000020",
        "checkpoint_000030",
    ]
    index = json.loads((directory / "checkpoint_index.json").read_text())
    assert [item["name"] for item in index["checkpoints"]] == ["checkpoint_000040"]
    assert thrifty.prune() == []


def test_pruning_leaves_what_it_did_not_make(directory, manager):
    for iteration in (10, 20, 30):
        save(manager, iteration)
    (directory / "checkpoint_000005").mkdir()
    (directory / "checkpoint_000010").rename(directory / "best_model")
    (directory / "checkpoint_000001.tar.gz").touch()
    CheckpointManager(directory, keep_last_n=1).prune()
    assert names(directory) == [
        "best_model",
        "checkpoint_000001.tar.gz",
        "checkpoint_000005",
        "checkpoint_000030",
        "checkpoint_index.json",
    ]
