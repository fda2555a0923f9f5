"""Going on from an older checkpoint loses nothing and collides with nothing."""

import os

import pytest

from tests.checkpoints.fakes import contents, names, save
from tests.checkpoints.store_places import everywhere, everywhere_slowly
from trainer.checkpoints.branches import branch_folders
from trainer.checkpoints.manager import CheckpointManager

BRANCH = "branch_after_000020_20241219T153045"


def names_below(branch, place):
    return [name for name in place.contents() if name.startswith(branch)]


@pytest.fixture
def four(manager, directory):
    for iteration in (10, 20, 30, 40):
        save(manager, iteration)
        (directory / f"training_metrics_iter_{iteration}.png").write_text(str(iteration))
        (directory / f"metrics_iter_{iteration}.json").write_text(str(iteration))
    manager.upload()
    return directory


@everywhere
def test_newer_checkpoints_move_with_their_plots(four, manager, place):
    before = place.contents()
    branch = manager.set_aside_newer(20)
    assert branch == four / BRANCH
    assert names(branch) == [
        "checkpoint_000030",
        "checkpoint_000040",
        "checkpoint_index.json",
        "metrics_iter_30.json",
        "metrics_iter_40.json",
        "training_metrics_iter_30.png",
        "training_metrics_iter_40.png",
    ]
    after = {name.removeprefix(f"{BRANCH}/"): sha for name, sha in place.contents().items()}
    after.pop("checkpoint_index.json", None)  # of the branch
    assert after == before


@everywhere_slowly
def test_both_sides_are_listable_and_whole(four, manager):
    branch = manager.set_aside_newer(20)
    aside = CheckpointManager(branch)
    assert manager.listing().iterations == [10, 20]
    assert aside.listing().iterations == [30, 40]
    assert aside.list_checkpoints()[0]["checkpoint_path"] == manager.address(
        branch / "checkpoint_000030"
    )
    aside.verify(branch / "checkpoint_000040")
    assert branch_folders(four) == [branch]


@everywhere_slowly
def test_training_goes_on_under_the_old_numbers(four, manager):
    manager.set_aside_newer(20)
    save(manager, 30, payload="second life")
    second = manager.set_aside_newer(20)
    assert second == four / f"{BRANCH}_2"
    assert manager.listing().iterations == [10, 20]
    first = (four / BRANCH / "checkpoint_000030" / "algorithm_state.pkl").read_text()
    assert first == "state"
    assert (second / "checkpoint_000030" / "algorithm_state.pkl").read_text() == "second life"


@everywhere_slowly
def test_nothing_newer_nothing_done(four, manager, place):
    before = place.contents()
    assert manager.set_aside_newer(40) is None
    assert place.contents() == before


def test_incomplete_newer_folders_get_out_of_the_way(four, manager):
    (four / "checkpoint_000040" / "manifest.json").unlink()
    branch = manager.set_aside_newer(30)
    assert (branch / "checkpoint_000040").is_dir()
    save(manager, 40)


@everywhere_slowly
def test_pruning_does_not_reach_into_a_branch(four, manager, place):
    branch = manager.set_aside_newer(20)
    before = contents(branch), names_below(BRANCH, place)
    place.manager(keep_last_n=1).prune()
    assert (contents(branch), names_below(BRANCH, place)) == before


def test_interrupted_moves_leave_an_unbroken_history(four, manager, monkeypatch):
    real, moved = os.rename, []

    def rename(source, target):
        if len(moved) == 4:  # 40 with its plots is gone, of 30 one plot
            raise OSError(5, "Input/output error")
        moved.append(source.name)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OSError, match="Input/output"):
        manager.set_aside_newer(20)
    assert manager.listing().iterations == [10, 20, 30]
    monkeypatch.undo()
    assert manager.set_aside_newer(20) == four / f"{BRANCH}_2"
    assert manager.listing().iterations == [10, 20]
