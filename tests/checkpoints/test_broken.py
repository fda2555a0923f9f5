"""Whatever is damaged is found before anything is loaded, moved aside, and passed over."""

import os
import shutil

import pytest

from tests.checkpoints.fakes import contents, names, save
from tests.checkpoints.test_manifest import FILES
from trainer.checkpoints import manifest
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager

BROKEN = "broken_checkpoint_000030_20241219T153045"


@pytest.fixture
def three(manager, directory):
    for iteration in (10, 20, 30):
        save(manager, iteration)
        (directory / f"metrics_iter_{iteration}.json").touch()
    return directory


def flip(path):
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 4]) + data[1:])


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def damage(directory, iteration):
    flip(directory / f"checkpoint_{iteration:06d}" / "algorithm_state.pkl")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("change", [flip, truncate, empty, os.unlink])
def test_any_damage_to_any_file_is_found_and_passed_over(three, manager, name, change):
    change(three / "checkpoint_000030" / name)
    damaged = contents(three / "checkpoint_000030")
    path, (aside,) = manager.resolve_valid("latest")
    assert path == three / "checkpoint_000020"
    assert (aside.path, aside.moved_to) == (three / "checkpoint_000030", three / BROKEN)
    assert any(name.split("/")[0] in problem for problem in aside.problems)
    assert contents(three / BROKEN) == damaged  # nothing is lost
    assert manager.listing().iterations == [10, 20]
    assert "metrics_iter_30.json" in names(three)


@pytest.mark.parametrize("part", ["policies", "policies/hider_policy", "learner_group"])
def test_a_missing_folder_is_found_and_passed_over(three, manager, part):
    shutil.rmtree(three / "checkpoint_000030" / part)
    path, (aside,) = manager.resolve_valid("latest")
    assert path == three / "checkpoint_000020"
    assert part in aside.problems[0]


@pytest.mark.parametrize("selector", ["latest", "best", " final ", 20, "20", "checkpoint_000020"])
def test_what_is_whole_is_taken_as_it_is(manager, directory, selector):
    save(manager, 10)
    save(manager, 20, tags=["final"])
    before = names(directory)
    assert manager.resolve_valid(selector) == (directory / "checkpoint_000020", [])
    assert names(directory) == before


@pytest.mark.parametrize(
    "selector", [30, "30", "best", "final", "checkpoint_000030", "{}/checkpoint_000030"]
)
def test_every_way_to_name_it_falls_back(three, selector, manager):
    shutil.rmtree(three / "checkpoint_000030")
    save(manager, 30, tags=["final"])
    damage(three, 30)
    if isinstance(selector, str):
        selector = selector.format(three)
    path, (aside,) = manager.resolve_valid(selector)
    assert path == three / "checkpoint_000020"
    assert str(aside) == (
        f"{three / 'checkpoint_000030'} is damaged (algorithm_state.pkl: content changed "
        f"(SHA-256 differs)); moved to {BROKEN}"
    )


@pytest.mark.parametrize("selector", [30, "{}/checkpoint_000030"])
def test_an_incomplete_one_that_is_asked_for_falls_back_too(three, manager, selector):
    (three / "checkpoint_000030" / "manifest.json").unlink()
    selector = selector.format(three) if isinstance(selector, str) else selector
    path, (aside,) = manager.resolve_valid(selector)
    assert path == three / "checkpoint_000020"
    assert aside.problems == ("manifest.json: missing, so the checkpoint is incomplete",)


def test_only_what_lies_in_between_is_touched(three, manager):
    save(manager, 40)
    for iteration in (10, 20, 40):
        damage(three, iteration)
    (three / "checkpoint_000015").mkdir()
    (three / "checkpoint_000025").mkdir()
    with pytest.raises(NoUsableCheckpoint) as caught:
        manager.resolve_valid(20)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"no usable checkpoint in {three}: damaged: checkpoint_000020 (")
    assert "checkpoint_000015 (manifest.json: missing" in first
    assert "checkpoint_000010 (algorithm_state.pkl" in first
    assert first.endswith("; not older, but there: 30, 40")
    assert f"python -m trainer.checkpoints verify {three}" in second
    assert manager.listing().iterations == [30, 40]
    assert (three / "checkpoint_000025").is_dir()


def test_a_folder_of_nothing_but_damage_is_an_error_that_names_it(three, manager):
    for iteration in (10, 20, 30):
        damage(three, iteration)
    with pytest.raises(NoUsableCheckpoint, match=r"checkpoint_000030 .*_000020 .*_000010 "):
        manager.resolve_valid("latest")
    assert sum(name.startswith("broken_checkpoint_") for name in names(three)) == 3


@pytest.mark.parametrize("selector", ["latest", "best", 50, "checkpoint_000050", "/no/where"])
def test_nothing_there_is_the_same_error_as_ever(manager, selector):
    with pytest.raises(NoUsableCheckpoint, match=r"no checkpoints found in|no such checkpoint"):
        manager.resolve_valid(selector)


def test_a_copy_elsewhere_falls_back_to_older_ones_beside_it(three, manager):
    shutil.copytree(three / "checkpoint_000030", three / "best_model")
    flip(three / "best_model" / "config.yaml")
    path, (aside,) = manager.resolve_valid(three / "best_model")
    assert path == three / "checkpoint_000020"
    assert aside.moved_to == three / "broken_best_model_20241219T153045"


def test_a_taken_name_is_not_replaced(three, manager):
    (three / BROKEN).mkdir()
    damage(three, 30)
    _, (aside,) = manager.resolve_valid("latest")
    assert aside.moved_to == three / f"{BROKEN}_2"


def test_what_the_disk_refuses_is_passed_over_but_stays(three, manager, monkeypatch):
    real = manifest.read

    def refuse(folder):
        if folder.name == "checkpoint_000030":
            raise OSError(24, "Too many open files")
        return real(folder)

    monkeypatch.setattr(manifest, "read", refuse)
    path, (aside,) = manager.resolve_valid("latest")
    assert path == three / "checkpoint_000020"
    assert aside.moved_to is None
    assert "could not be moved aside" in str(aside)
    assert (three / "checkpoint_000030").is_dir()


def test_training_can_go_on_under_the_damaged_number(three, manager):
    damage(three, 30)
    manager.resolve_valid("latest")
    save(manager, 30)
    assert CheckpointManager(three).listing().iterations == [10, 20, 30]


def test_a_whole_checkpoint_under_a_wrong_number_is_not_taken_for_it(three, manager):
    shutil.copytree(three / "checkpoint_000010", three / "checkpoint_000070")
    path, (aside,) = manager.resolve_valid("latest")
    assert path == three / "checkpoint_000030"
    assert aside.problems == ("metadata.json says iteration 10",)
