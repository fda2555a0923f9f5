"""Whatever is damaged is found before anything is loaded, moved aside, and passed over."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints.fakes import open_past_damage, save
from tests.checkpoints.store_places import Place, everywhere, everywhere_slowly
from tests.checkpoints.test_manifest import FILES
from trainer.checkpoints import manifest
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager

BROKEN = "broken_checkpoint_000030_20241219T153045"


@pytest.fixture
def with_histories(manager: CheckpointManager, directory: Path) -> Path:
    for iteration in (10, 20, 30):
        save(manager, iteration)
        (directory / f"metrics_iter_{iteration}.json").touch()
    manager.upload()
    return directory


Change = Callable[[bytes], bytes | None]


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 4]) + data[1:]


def truncate(data: bytes) -> bytes:
    return data[:-1]


def empty(data: bytes) -> bytes:
    return b""


def unlink(data: bytes) -> None:
    return None


def damage(
    place: Place, iteration: int, name: str = "algorithm_state.pkl", change: Change = flip
) -> None:
    path = f"checkpoint_{iteration:06d}/{name}"
    place.change(path, change(place.read(path)))


def below(folder: str, place: Place) -> dict[str, str]:
    """Names and digests of what is really in a folder."""
    prefix = f"{folder}/"
    return {k.removeprefix(prefix): v for k, v in place.contents().items() if k.startswith(prefix)}


@everywhere_slowly
@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("change", [flip, truncate, empty, unlink])
def test_any_damage_to_any_file_is_found_and_passed_over(
    with_histories: Path, manager: CheckpointManager, place: Place, name: str, change: Change
) -> None:
    damage(place, 30, name, change)
    damaged = below("checkpoint_000030", place)
    if place.bucket and (name, change) == ("manifest.json", unlink):
        # In a store it is as if it had never been there.
        assert open_past_damage(manager, "latest") == (with_histories / "checkpoint_000020", [])
        return
    path, (aside,) = open_past_damage(manager, "latest")
    assert path == with_histories / "checkpoint_000020"
    assert (aside.path, aside.moved_to) == (
        with_histories / "checkpoint_000030",
        with_histories / BROKEN,
    )
    assert any(name.split("/")[0] in problem for problem in aside.problems)
    assert below(BROKEN, place) == damaged  # nothing is lost
    assert manager.listing().iterations == [10, 20]
    assert {"metrics_iter_30.json", BROKEN} <= set(place.names())
    assert "checkpoint_000030" not in place.names()


@pytest.mark.parametrize("part", ["policies", "policies/hider_policy", "learner_group"])
def test_a_missing_folder_is_found_and_passed_over(
    with_histories: Path, manager: CheckpointManager, part: str
) -> None:
    shutil.rmtree(with_histories / "checkpoint_000030" / part)
    path, (aside,) = open_past_damage(manager, "latest")
    assert path == with_histories / "checkpoint_000020"
    assert part in aside.problems[0]


@everywhere_slowly
@pytest.mark.parametrize("selector", ["latest", "best", " final ", 20, "20", "checkpoint_000020"])
def test_what_is_whole_is_taken_as_it_is(
    manager: CheckpointManager, directory: Path, place: Place, selector: int | str
) -> None:
    save(manager, 10)
    save(manager, 20, tags=["final"])
    before = place.contents()
    assert open_past_damage(manager, selector) == (directory / "checkpoint_000020", [])
    assert place.contents() == before


@everywhere_slowly
@pytest.mark.parametrize(
    "selector", [40, "40", "best", "final", "checkpoint_000040", "{}/checkpoint_000040"]
)
def test_every_way_to_name_it_falls_back(
    with_histories: Path, selector: int | str, manager: CheckpointManager, place: Place
) -> None:
    save(manager, 40, tags=["final"])
    damage(place, 40)
    if isinstance(selector, str):
        selector = selector.format(with_histories)
    path, (aside,) = open_past_damage(manager, selector)
    assert path == with_histories / "checkpoint_000030"
    assert str(aside) == (
        f"{with_histories / 'checkpoint_000040'} is damaged (algorithm_state.pkl: content changed "
        f"(SHA-256 differs)); moved to {BROKEN.replace('30', '40', 1)}"
    )


@pytest.mark.parametrize("selector", [30, "{}/checkpoint_000030"])
def test_an_incomplete_one_that_is_asked_for_falls_back_too(
    with_histories: Path, manager: CheckpointManager, selector: int | str
) -> None:
    (with_histories / "checkpoint_000030" / "manifest.json").unlink()
    selector = selector.format(with_histories) if isinstance(selector, str) else selector
    path, (aside,) = open_past_damage(manager, selector)
    assert path == with_histories / "checkpoint_000020"
    assert aside.problems == ("manifest.json: missing, so the checkpoint is incomplete",)


def test_only_what_lies_in_between_is_touched(
    with_histories: Path, manager: CheckpointManager, place: Place
) -> None:
    save(manager, 40)
    for iteration in (10, 20, 40):
        damage(place, iteration)
    (with_histories / "checkpoint_000015").mkdir()
    (with_histories / "checkpoint_000025").mkdir()
    with pytest.raises(NoUsableCheckpoint) as caught:
        open_past_damage(manager, 20)
    first, second = str(caught.value).splitlines()
    assert first.startswith(
        f"no usable checkpoint in {with_histories}: damaged: checkpoint_000020 ("
    )
    assert "checkpoint_000015 (manifest.json: missing" in first
    assert "checkpoint_000010 (algorithm_state.pkl" in first
    assert first.endswith("; not older, but there: 30, 40")
    assert f"python -m trainer.checkpoints verify {with_histories}" in second
    assert manager.listing().iterations == [10, 20, 30, 40]  # nothing replaces them: all stay


@everywhere_slowly
def test_a_folder_of_nothing_but_damage_is_an_error_that_names_it(
    with_histories: Path, manager: CheckpointManager, place: Place
) -> None:
    for iteration in (10, 20, 30):
        damage(place, iteration)
    before = place.names()
    with pytest.raises(NoUsableCheckpoint, match=r"checkpoint_000030 .*_000020 .*_000010 "):
        open_past_damage(manager, "latest")
    assert place.names() == before


@everywhere_slowly
@pytest.mark.parametrize("selector", ["latest", "best", 50, "checkpoint_000050", "/no/where"])
def test_nothing_there_is_the_same_error_as_ever(
    manager: CheckpointManager, selector: int | str
) -> None:
    manager.directory.mkdir(parents=True, exist_ok=True)
    with pytest.raises(
        NoUsableCheckpoint,
        match=r"no checkpoints found in|no such checkpoint|does not exist: /no/where",
    ):
        open_past_damage(manager, selector)


def test_a_copy_elsewhere_falls_back_to_older_ones_beside_it(
    with_histories: Path, manager: CheckpointManager
) -> None:
    shutil.copytree(with_histories / "checkpoint_000030", with_histories / "best_model")
    config = with_histories / "best_model" / "config.yaml"
    config.write_bytes(flip(config.read_bytes()))
    path, (aside,) = open_past_damage(manager, with_histories / "best_model")
    assert path == with_histories / "checkpoint_000020"
    assert aside.moved_to == with_histories / "broken_best_model_20241219T153045"


def test_a_taken_name_is_not_replaced(
    with_histories: Path, manager: CheckpointManager, place: Place
) -> None:
    (with_histories / BROKEN).mkdir()
    damage(place, 30)
    _, (aside,) = open_past_damage(manager, "latest")
    assert aside.moved_to == with_histories / f"{BROKEN}_2"


def test_what_the_disk_refuses_is_passed_over_but_stays(
    with_histories: Path, manager: CheckpointManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = manifest.read

    def refuse(folder: Path) -> manifest.Manifest:
        if folder.name == "checkpoint_000030":
            raise OSError(24, "Too many open files")
        return real(folder)

    monkeypatch.setattr(manifest, "read", refuse)
    path, (aside,) = open_past_damage(manager, "latest")
    assert path == with_histories / "checkpoint_000020"
    assert aside.moved_to is None
    assert "could not be moved aside" in str(aside)
    assert (with_histories / "checkpoint_000030").is_dir()


@everywhere
def test_training_can_go_on_under_the_damaged_number(
    with_histories: Path, manager: CheckpointManager, place: Place
) -> None:
    damage(place, 30)
    open_past_damage(manager, "latest")
    save(manager, 30)
    assert place.manager().listing().iterations == [10, 20, 30]


def test_a_whole_checkpoint_under_a_wrong_number_is_not_taken_for_it(
    with_histories: Path, manager: CheckpointManager
) -> None:
    shutil.copytree(with_histories / "checkpoint_000010", with_histories / "checkpoint_000070")
    path, (aside,) = open_past_damage(manager, "latest")
    assert path == with_histories / "checkpoint_000030"
    assert aside.problems == ("metadata.json says iteration 10",)
