"""Going on from an older checkpoint loses nothing and collides with nothing."""

import os
from pathlib import Path

import pytest

from tests.checkpoints.fakes import branch_off, contents, names, save
from tests.checkpoints.store_places import Place, everywhere, everywhere_slowly
from trainer.checkpoints.branches import branch_folders
from trainer.checkpoints.manager import CheckpointManager

BRANCH = "branch_after_000020_20241219T153045"


def names_below(branch: str, place: Place) -> list[str]:
    return [name for name in place.contents() if name.startswith(branch)]


@pytest.fixture
def plotted(manager: CheckpointManager, directory: Path) -> Path:
    for iteration in (10, 20, 30, 40):
        save(manager, iteration)
        (directory / f"training_metrics_iter_{iteration}.png").write_text(str(iteration))
        (directory / f"metrics_iter_{iteration}.json").write_text(str(iteration))
    manager.upload()
    return directory


@everywhere
def test_newer_checkpoints_move_with_their_plots(
    plotted: Path, manager: CheckpointManager, place: Place
) -> None:
    before = place.contents()
    branch = branch_off(manager, 20)
    assert branch == plotted / BRANCH
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
def test_both_sides_are_listable_and_whole(plotted: Path, manager: CheckpointManager) -> None:
    branch = branch_off(manager, 20)
    aside = CheckpointManager(branch)
    assert manager.listing().iterations == [10, 20]
    assert aside.listing().iterations == [30, 40]
    assert aside.list_checkpoints()[0]["checkpoint_path"] == manager.address(
        branch / "checkpoint_000030"
    )
    aside.verify(branch / "checkpoint_000040")
    assert branch_folders(plotted) == [branch]


@everywhere_slowly
def test_training_goes_on_under_the_old_numbers(plotted: Path, manager: CheckpointManager) -> None:
    manager.set_aside_newer(20)
    save(manager, 30, payload="second life")
    second = branch_off(manager, 20)
    assert second == plotted / f"{BRANCH}_2"
    assert manager.listing().iterations == [10, 20]
    first = (plotted / BRANCH / "checkpoint_000030" / "algorithm_state.pkl").read_text()
    assert first == "state"
    assert (second / "checkpoint_000030" / "algorithm_state.pkl").read_text() == "second life"


@everywhere_slowly
def test_nothing_newer_nothing_done(
    plotted: Path, manager: CheckpointManager, place: Place
) -> None:
    before = place.contents()
    assert manager.set_aside_newer(40) is None
    assert place.contents() == before


def test_incomplete_newer_folders_get_out_of_the_way(
    plotted: Path, manager: CheckpointManager
) -> None:
    (plotted / "checkpoint_000040" / "manifest.json").unlink()
    branch = branch_off(manager, 30)
    assert (branch / "checkpoint_000040").is_dir()
    save(manager, 40)


@everywhere_slowly
def test_pruning_does_not_reach_into_a_branch(
    plotted: Path, manager: CheckpointManager, place: Place
) -> None:
    branch = branch_off(manager, 20)
    before = contents(branch), names_below(BRANCH, place)
    place.manager(keep_last_n=1).prune()
    assert (contents(branch), names_below(BRANCH, place)) == before


def test_interrupted_moves_leave_an_unbroken_history(
    plotted: Path, manager: CheckpointManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename
    moved: list[str] = []

    def rename(source: Path, target: Path) -> None:
        if len(moved) == 4:  # 40 with its plots is gone, of 30 one plot
            raise OSError(5, "Input/output error")
        moved.append(source.name)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OSError, match="Input/output"):
        manager.set_aside_newer(20)
    assert manager.listing().iterations == [10, 20, 30]
    monkeypatch.undo()
    assert manager.set_aside_newer(20) == plotted / f"{BRANCH}_2"
    assert manager.listing().iterations == [10, 20]
