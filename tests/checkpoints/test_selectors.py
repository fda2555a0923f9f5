import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import info, save
from tests.checkpoints.store_places import Place, everywhere_slowly
from trainer.checkpoints import ranking
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.metadata import BestBy


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose checkpoints are 40 (best), 50 (final), 60 and a copy of 40."""
    monkeypatch.chdir(tmp_path)
    manager = CheckpointManager("./checkpoints")
    save(manager, 40, reward_mean=172.18, loss=3.0)
    save(manager, 50, reward_mean=168.92, loss=1.0, tags=["final"])
    save(manager, 60, reward_mean=math.nan, loss=2.0)
    shutil.copytree("checkpoints/checkpoint_000040", "checkpoints/best_model")
    return tmp_path


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("latest", "checkpoint_000060"),
        ("best", "checkpoint_000040"),
        ("final", "checkpoint_000050"),
        (50, "checkpoint_000050"),
        ("50", "checkpoint_000050"),
        (" 000050 ", "checkpoint_000050"),
        ("checkpoint_000050", "checkpoint_000050"),
        ("./checkpoints/checkpoint_000050", "checkpoint_000050"),
        ("checkpoints/checkpoint_000050/", "checkpoint_000050"),
        (Path("checkpoints/checkpoint_000050"), "checkpoint_000050"),
        ("checkpoints/best_model", "best_model"),
        ("best_model", "best_model"),
    ],
)
def test_what_a_user_types(cwd: Path, selector: Path | int | str, name: str) -> None:
    found = CheckpointManager("./checkpoints").open(selector)
    assert found == cwd / "checkpoints" / name


def test_a_path_from_the_home_folder(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(cwd))
    found = CheckpointManager("elsewhere").open("~/checkpoints/best_model")
    assert found == cwd / "checkpoints" / "best_model"


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (45, "no checkpoint for iteration 45 in ./checkpoints; nearest: 40, 50"),
        ("1000", "no checkpoint for iteration 1000 in ./checkpoints; nearest: 60"),
        (-1, "no checkpoint for iteration -1 in ./checkpoints; nearest: 40"),
        (
            "checkpoints/checkpoint_000045",
            "Checkpoint path does not exist: checkpoints/checkpoint_000045; "
            "no checkpoint for iteration 45 in checkpoints; nearest: 40, 50",
        ),
        (
            "chekpoints/checkpoint_000040",
            "Checkpoint path does not exist: chekpoints/checkpoint_000040; "
            "did you mean {folder}/checkpoints/checkpoint_000040?",
        ),
        (
            "zzz/checkpoint_000040",
            "Checkpoint path does not exist: zzz/checkpoint_000040; nearest existing: {folder}",
        ),
        (
            " ",
            "an empty text names no checkpoint; give latest, best, final, an iteration or a path",
        ),
        ("latst", "no such checkpoint: latst; did you mean 'latest'?"),
        (
            "checkpoints/best_modle",
            "Checkpoint path does not exist: checkpoints/best_modle; did you mean 'best_model'?",
        ),
        (
            "zzz",
            "no such checkpoint: zzz; there is: latest, best, final, best_model, "
            "checkpoint_000040, checkpoint_000050, checkpoint_000060",
        ),
        (
            "checkpoints",
            "checkpoints is a folder of checkpoints; "
            "give one of them: checkpoints/checkpoint_000060",
        ),
        (
            "checkpoints/checkpoint_000040/metadata.json",
            "checkpoints/checkpoint_000040/metadata.json is a file; "
            "give its checkpoint folder: checkpoints/checkpoint_000040",
        ),
    ],
)
def test_errors_name_what_exists(cwd: Path, selector: int | str, message: str) -> None:
    with pytest.raises(NoUsableCheckpoint) as caught:
        CheckpointManager("./checkpoints").open(selector)
    assert str(caught.value) == message.replace("{folder}", str(cwd))


@pytest.mark.parametrize("typed", ["~nosuchuser/x", "x" * 300, "a/" + "x" * 300])
def test_a_path_that_cannot_be_is_no_checkpoint(cwd: Path, typed: str) -> None:
    manager = CheckpointManager("./checkpoints")
    for open_it in (manager.find, manager.open_or_older):
        with pytest.raises(NoUsableCheckpoint):
            open_it(typed)


def test_an_incomplete_folder_is_no_checkpoint(cwd: Path) -> None:
    (cwd / "checkpoints" / "checkpoint_000040" / "manifest.json").unlink()
    manager = CheckpointManager("./checkpoints")
    with pytest.raises(NoUsableCheckpoint, match=r"not a complete checkpoint: it has no manifest"):
        manager.open("checkpoints/checkpoint_000040")
    with pytest.raises(
        NoUsableCheckpoint,
        match=r"\(checkpoint_000040 is incomplete: no manifest.json\); nearest: 50",
    ):
        manager.open(40)


@pytest.mark.parametrize("selector", ["latest", "best", "final", 10, "checkpoint_000010"])
@pytest.mark.parametrize("made", [True, False])
def test_an_empty_folder_names_the_command_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selector: int | str, made: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if made:
        Path("checkpoints").mkdir()
    with pytest.raises(NoUsableCheckpoint) as caught:
        CheckpointManager("./checkpoints").open(selector)
    assert str(caught.value) == (
        "no checkpoints found in ./checkpoints; start training with: python main.py"
    )
    with pytest.raises(NoUsableCheckpoint, match=r"python main\.py --checkpoint-dir elsewhere"):
        CheckpointManager("elsewhere").open(selector)


def test_keywords_without_a_match(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    save(manager, 10, reward_mean=None)
    with pytest.raises(
        NoUsableCheckpoint, match=r"knows its reward_mean; the latest is iteration 10"
    ):
        manager.open("best")
    with pytest.raises(NoUsableCheckpoint, match=r"is tagged final; the latest is iteration 10"):
        manager.open("final")
    assert manager.get_best_checkpoint() is None


def test_getters_give_paths_as_text(cwd: Path) -> None:
    manager = CheckpointManager("checkpoints")
    folder = cwd / "checkpoints"
    assert manager.get_latest_checkpoint() == str(folder / "checkpoint_000060")
    assert manager.get_checkpoint_by_iteration(50) == str(folder / "checkpoint_000050")
    assert manager.get_checkpoint_by_iteration(45) is None
    assert str(manager.open("final")) == str(folder / "checkpoint_000050")
    assert manager.get_best_checkpoint() == str(folder / "checkpoint_000040")
    assert manager.get_best_checkpoint("loss", "min") == str(folder / "checkpoint_000050")
    with pytest.raises(ValueError, match="no checkpoint has a metric 'reward_men'; did you mean"):
        manager.get_best_checkpoint("reward_men")
    with pytest.raises(ValueError, match="mode must be 'max' or 'min', not 'most'"):
        manager.get_best_checkpoint(mode="most")


@pytest.mark.parametrize(
    ("rewards", "mode", "expected"),
    [
        ({}, "max", None),
        ({1: math.nan, 2: None}, "max", None),
        ({1: 3.0, 2: math.nan, 3: 1.0}, "max", 1),
        ({1: 3.0, 2: math.nan, 3: 1.0}, "min", 3),
        ({1: 2.0, 2: 2.0, 3: 1.0}, "max", 2),
        ({1: 2.0, 2: 1.0, 3: 1.0}, "min", 3),
        ({1: True, 2: "9", 3: -5}, "max", 3),
    ],
)
def test_best(rewards: dict[Any, Any], mode: str, expected: int | None) -> None:
    saved = [info(i, reward_mean=value) for i, value in rewards.items()]
    found = ranking.best(saved, BestBy("reward_mean", mode))
    assert (found and found.iteration) == expected


@everywhere_slowly
def test_what_a_user_types_of_any_place(
    manager: CheckpointManager, directory: Path, place: Place
) -> None:
    save(manager, 40, reward_mean=172.18)
    save(manager, 50, reward_mean=168.92, tags=["final"])
    save(manager, 60, reward_mean=math.nan)
    place.forget()
    for selector, iteration in (
        ("latest", 60),
        ("best", 40),
        ("final", 50),
        (50, 50),
        (" 000050 ", 50),
        ("checkpoint_000050", 50),
        (place.manager().address(directory / "checkpoint_000040"), 40),
    ):
        found = place.manager().open(selector)
        assert found == directory / f"checkpoint_{iteration:06d}"
        place.manager().verify(found)
    for selector in (45, "checkpoint_000045"):
        with pytest.raises(NoUsableCheckpoint) as caught:
            place.manager().open(selector)
        told = f"no checkpoint for iteration 45 in {place.shown}; nearest: 40, 50"
        assert str(caught.value) == told


@everywhere_slowly
def test_nothing_there_names_the_command_to_start(manager: CheckpointManager, place: Place) -> None:
    manager.directory.mkdir(parents=True, exist_ok=True)
    with pytest.raises(NoUsableCheckpoint) as caught:
        manager.open("latest")
    assert str(caught.value) == (
        f"no checkpoints found in {place.shown}; start training with: "
        f"python main.py --checkpoint-dir {place.shown}"
    )


@everywhere_slowly
def test_the_newest_of_several_finals(manager: CheckpointManager, directory: Path) -> None:
    for iteration in (10, 20, 30):
        save(manager, iteration, tags=["final"] if iteration < 30 else [])
    assert str(manager.open("final")) == str(directory / "checkpoint_000020")


def test_a_folder_that_does_not_exist_is_said_not_to(tmp_path: Path) -> None:
    with pytest.raises(NoUsableCheckpoint) as caught:
        CheckpointManager(tmp_path / "runz").open("latest")
    assert str(caught.value) == (
        f"no such directory: {tmp_path / 'runz'}; nearest existing: {tmp_path}\n"
        f"start training there with: python main.py --checkpoint-dir {tmp_path / 'runz'}"
    )


def test_folders_beside_it_that_have_checkpoints_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("d", "c", "b", "a"):
        save(CheckpointManager(name), 10)
    Path("e", "notes").mkdir(parents=True)
    start = "start training with: python main.py"
    named = "there are checkpoints in ./a, ./b, ./c, ./d"
    with pytest.raises(NoUsableCheckpoint) as caught:
        CheckpointManager("./checkpoints").open("latest")
    assert str(caught.value) == f"no checkpoints found in ./checkpoints; {start}\n{named}"
    with pytest.raises(NoUsableCheckpoint, match="no such directory: f; " + named + "\nstart"):
        CheckpointManager("f").open("latest")
    save(CheckpointManager("aa"), 10)
    with pytest.raises(NoUsableCheckpoint, match=r"\./a, \./aa, \./b, \./c, \.\.\.$"):
        CheckpointManager("./e").open("latest")


def test_a_file_is_no_checkpoint_unless_it_lies_in_one(
    directory: Path, manager: CheckpointManager
) -> None:
    saved = save(manager, 10)
    (directory / "README.md").touch()
    with pytest.raises(NoUsableCheckpoint, match=r"README\.md is a file, not a checkpoint$"):
        manager.open(directory / "README.md")
    weights = saved / "policies" / "seeker_policy" / "weights.safetensors"
    with pytest.raises(NoUsableCheckpoint, match=f"give its checkpoint folder: {saved}$"):
        manager.open(weights)
