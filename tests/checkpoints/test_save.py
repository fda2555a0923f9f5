import json
import math
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoints.fakes import WHEN, FakeAlgorithm, names, save
from tests.checkpoints.store_places import Place, everywhere, everywhere_slowly
from trainer.checkpoints import metadata
from trainer.checkpoints.errors import CheckpointError, CheckpointExists, CheckpointWriteFailed
from trainer.checkpoints.manager import CheckpointManager


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not strict JSON")


def test_the_layout_of_a_checkpoint(manager: CheckpointManager, directory: Path) -> None:
    path = save(manager, 10)
    assert path == directory / "checkpoint_000010"
    assert names(directory) == ["checkpoint_000010", "checkpoint_index.json"]
    assert names(path) == [
        "algorithm_state.pkl",
        "config.yaml",
        "learner_group",
        "manifest.json",
        "metadata.json",
        "policies",
        "rllib_checkpoint.json",
    ]


@everywhere
def test_metadata_has_every_key_and_unknown_numbers_are_null(
    manager: CheckpointManager, place: Place
) -> None:
    path = save(manager, 10, reward_mean=math.nan, env_steps=np.int64(7), tags=["final", "final"])
    assert place.read("checkpoint_000010/metadata.json") == (path / "metadata.json").read_bytes()
    text = (path / "metadata.json").read_text()
    document = json.loads(text, parse_constant=refuse_constant)
    assert document == {
        "iteration": 10,
        "timestamp": "2024-12-19T15:30:45",
        "timestamp_unix": WHEN.timestamp(),
        "checkpoint_path": manager.address(path),
        "reward_mean": None,
        "seeker_reward": None,
        "hider_reward": None,
        "episode_len_mean": None,
        "seen_fraction": None,
        "first_seen_step": None,
        "perfect_hide": None,
        "episodes_completed": None,
        "env_steps": 7,
        "agent_steps": None,
        "episodes_averaged": None,
        "seed": None,
        "versions": {},
        "git_commit": None,
        "parent": None,
        "tags": ["final"],
        "best_by": {"metric": "reward_mean", "mode": "max"},
        "warnings": [],
    }


@everywhere_slowly
def test_the_listed_size_is_that_of_all_files(manager: CheckpointManager) -> None:
    path = save(manager, 10)
    (listed,) = manager.list_checkpoints()
    files = [f for f in path.rglob("*") if f.is_file() and f.name != ".stored"]
    assert listed["size_bytes"] == sum(f.stat().st_size for f in files)


@pytest.mark.parametrize(
    ("value", "number"), [(2, 2.0), (1.5, 1.5), (True, None), ("1", None), (None, None)]
)
def test_numbers_from_json(value: bool | float | int | str | None, number: float | None) -> None:
    assert metadata.as_float(value) == number or number is None
    assert math.isnan(metadata.as_float(value)) is (number is None)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400, 1.5, "2", True, [2]])
def test_what_is_no_count(value: Any) -> None:
    assert metadata.as_count(value) is None
    assert not math.isinf(metadata.as_float(value))


@everywhere_slowly
def test_listed_rewards_are_always_floats(manager: CheckpointManager) -> None:
    save(manager, 10, reward_mean=math.inf, seeker_reward=np.float32(1.5), hider_reward=2)
    (listed,) = manager.list_checkpoints()
    assert math.isnan(listed["reward_mean"])
    assert math.isnan(listed["episode_len_mean"])
    assert (listed["seeker_reward"], listed["hider_reward"]) == (1.5, 2.0)
    assert all(type(listed[key]) is float for key in metadata.REWARD_KEYS)
    assert f"{listed['reward_mean']:.2f}" == "nan"
    assert set(metadata.KEYS) <= listed.keys()


@everywhere_slowly
def test_the_manager_knows_the_iteration_better_than_the_caller(manager: CheckpointManager) -> None:
    manager.save(FakeAlgorithm(), iteration=3, metadata={"iteration": 99, "extra": {"a": [1, 2]}})
    (listed,) = manager.list_checkpoints()
    assert listed["iteration"] == 3
    assert listed["extra"] == {"a": [1, 2]}


@everywhere_slowly
def test_a_value_that_json_cannot_hold_is_named(
    manager: CheckpointManager, directory: Path
) -> None:
    with pytest.raises(TypeError, match=r"metadata key 'versions\.x' has a set"):
        save(manager, 10, versions={"x": {1}})
    assert not directory.exists()


def test_after_a_move_paths_are_where_the_checkpoints_are(
    manager: CheckpointManager, directory: Path
) -> None:
    save(manager, 10)
    moved = directory.with_name("checkpoints_experiment1")
    directory.rename(moved)
    (listed,) = CheckpointManager(moved).list_checkpoints()
    assert listed["checkpoint_path"] == str(moved / "checkpoint_000010")
    assert manager.list_checkpoints() == []


@everywhere
def test_nothing_is_overwritten(manager: CheckpointManager, place: Place) -> None:
    save(manager, 10, payload="first")
    before = place.contents()
    with pytest.raises(CheckpointExists, match="already has checkpoint_000010"):
        save(manager, 10, payload="second")
    assert place.contents() == before


@everywhere_slowly
def test_a_taken_name_is_refused_before_anything_is_captured(manager: CheckpointManager) -> None:
    save(manager, 10)

    class Expensive:
        def save_to_path(self, path: str) -> None:
            pytest.fail("captured for nothing")

    with pytest.raises(CheckpointExists):
        manager.save(Expensive(), iteration=10, metadata={})


def test_all_is_on_the_disk_before_the_commit_and_the_commit_before_the_end(
    manager: CheckpointManager, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[int | str] = []  # inode numbers flushed, and the rename
    fsync, rename = os.fsync, os.rename

    def counted_fsync(descriptor: int) -> None:
        events.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def counted_rename(source: Path, target: Path) -> None:
        events.append("commit")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", counted_fsync)
    monkeypatch.setattr(os, "rename", counted_rename)
    path = save(manager, 10)
    commit = events.index("commit")
    everything = {found.stat().st_ino for found in (path, *path.rglob("*"))}
    assert everything <= set(events[:commit])
    assert directory.stat().st_ino == events[commit + 1]
    # The manifest vouches for the others, so it is the last file; folders follow.
    folders = {found.stat().st_ino for found in (path, *path.rglob("*")) if found.is_dir()}
    files = [inode for inode in events[:commit] if inode not in folders]
    assert files[-1] == (path / "manifest.json").stat().st_ino
    assert events[commit - 1] == path.stat().st_ino


@pytest.mark.parametrize("kind", ["empty folder", "file", "link"])
def test_whatever_has_the_name_is_in_the_way(
    manager: CheckpointManager, directory: Path, kind: str
) -> None:
    directory.mkdir()
    taken = directory / "checkpoint_000010"
    occupy: dict[str, Callable[[], None]] = {
        "empty folder": taken.mkdir,
        "file": taken.touch,
        "link": lambda: taken.symlink_to("nowhere"),
    }
    occupy[kind]()
    with pytest.raises(CheckpointExists):
        save(manager, 10)
    assert names(directory) == ["checkpoint_000010"]


@pytest.mark.parametrize("full", [True, False])
def test_a_name_taken_during_the_save_is_not_overwritten(
    manager: CheckpointManager, directory: Path, full: bool
) -> None:
    def rival(path: Path) -> None:
        taken = directory / "checkpoint_000010"
        taken.mkdir()
        if full:
            (taken / "manifest.json").touch()

    with pytest.raises(CheckpointExists):
        manager.save(FakeAlgorithm(), iteration=10, metadata={}, writers={"x": rival})
    assert names(directory) == ["checkpoint_000010"]


@everywhere_slowly
def test_a_failing_writer_leaves_nothing_and_its_own_error(
    manager: CheckpointManager, directory: Path, place: Place
) -> None:
    save(manager, 10)
    before = place.contents()

    def fail(path: Path) -> None:
        path.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        manager.save(FakeAlgorithm(), iteration=20, metadata={}, writers={"x.pt": fail})
    assert place.contents() == before
    assert names(directory) == ["checkpoint_000010", "checkpoint_index.json"]


@everywhere_slowly
def test_a_disk_error_says_what_to_do(manager: CheckpointManager, directory: Path) -> None:
    def fill(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointWriteFailed, match="No space left on device") as caught:
        manager.save(FakeAlgorithm(), iteration=20, metadata={}, writers={"x": fill})
    assert "Earlier checkpoints are untouched; free disk space" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


@everywhere_slowly
@pytest.mark.parametrize("name", ["metadata.json", "manifest.json"])
def test_the_managers_own_files_are_reserved(
    manager: CheckpointManager, directory: Path, name: str
) -> None:
    with pytest.raises(CheckpointError, match=f"{name} is the manager's own file"):
        manager.save(
            FakeAlgorithm(), iteration=1, metadata={}, writers={name: lambda path: path.touch()}
        )
    assert names(directory) == []


@everywhere_slowly
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", ""])
def test_a_part_cannot_be_written_elsewhere(manager: CheckpointManager, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        manager.save(FakeAlgorithm(), iteration=1, metadata={}, writers={name: Path.touch})


@everywhere_slowly
def test_nested_parts_and_sources_without_rllib(manager: CheckpointManager) -> None:
    class Plain:
        def save_to_path(self, path: str) -> None:
            (Path(path) / "state.bin").write_bytes(b"x")

    path = manager.save(
        Plain(), iteration=0, metadata={}, writers={"training_state/worlds.npz": Path.touch}
    )
    assert (path / "training_state" / "worlds.npz").is_file()
    manager.verify(path)


@pytest.mark.parametrize("given", ["~/runs/a b", "rel/../rel2", "."])
def test_home_blanks_and_relative_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    manager = CheckpointManager(given)
    saved = save(manager, 1)
    monkeypatch.chdir("/")
    assert saved.is_absolute()
    assert manager.get_latest_checkpoint() == str(saved)
    assert os.path.realpath(saved).startswith(os.path.realpath(tmp_path))


@everywhere_slowly
def test_opening_a_folder_creates_nothing(manager: CheckpointManager, directory: Path) -> None:
    assert manager.list_checkpoints() == []
    assert manager.get_latest_checkpoint() is None
    assert manager.get_checkpoint_by_iteration(3) is None
    assert manager.get_best_checkpoint() is None
    assert manager.prune() == []
    assert manager.set_aside_newer(3) is None
    assert not directory.exists()


@everywhere_slowly
def test_the_clock_is_local_time_by_default(place: Place) -> None:
    before = datetime.now().replace(microsecond=0)
    save(CheckpointManager(place.given), 1)
    (listed,) = CheckpointManager(place.given).list_checkpoints()
    saved = datetime.fromisoformat(listed["timestamp"])
    assert before <= saved <= datetime.now()
    assert listed["timestamp_unix"] // 1 == saved.timestamp()


@everywhere_slowly
def test_a_failed_clean_up_does_not_fail_the_save(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    manager = place.manager(keep_last_n=1)
    save(manager, 10)

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("trainer.checkpoints.atomic.remove_tree", refuse)
    path = save(manager, 20)
    manager.verify(path)
    assert "checkpoint 20 is saved, but cleaning up failed" in caplog.text


def test_before_any_episode_has_ended_a_reward_is_a_number_that_counts_as_unknown(
    manager: CheckpointManager,
) -> None:
    path = save(manager, 1, reward_mean=math.nan, seen_fraction=math.nan, episodes_averaged=0)
    save(manager, 2, reward_mean=-5.0, episodes_averaged=30)
    on_disk = json.loads((path / "metadata.json").read_text())
    assert (on_disk["reward_mean"], on_disk["episodes_averaged"]) == (0.0, 0)
    assert on_disk["seen_fraction"] is None
    assert [math.isnan(cp["reward_mean"]) for cp in manager.list_checkpoints()] == [True, False]
    best = manager.get_best_checkpoint("reward_mean")
    assert best is not None
    assert best.endswith("checkpoint_000002")  # -5 is known, 0 is not


@everywhere_slowly
def test_the_guides_own_analysis_script(manager: CheckpointManager, directory: Path) -> None:
    save(manager, 1, reward_mean=math.nan, episodes_averaged=0)
    for iteration, reward in ((10, 161.06), (20, 172.18), (30, 170.45)):
        save(manager, iteration, reward_mean=reward)
    rewards = []
    for cp in sorted(directory.glob("checkpoint_*")):
        metadata_file = cp / "metadata.json"
        if metadata_file.exists():
            data = json.loads(metadata_file.read_text())
            rewards.append({"iteration": data["iteration"], "reward": data["reward_mean"]})
    assert max(rewards, key=lambda x: x["reward"]) == {"iteration": 20, "reward": 172.18}


def test_metadata_is_optional(manager: CheckpointManager) -> None:
    folder = manager.save(FakeAlgorithm(), iteration=3)
    assert metadata.read(folder)["iteration"] == 3
