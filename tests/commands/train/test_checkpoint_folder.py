"""The checkpoint folder of a run: found, free, and fit to be written to."""

from __future__ import annotations

import errno
import json
import platform
import tempfile
from pathlib import Path

import pytest

from tests.golden_checkpoint import golden_in
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
from trainer.checkpoints.reader import CheckpointReader
from trainer.commands.train.checkpoint_folder import (
    check_curves_writable,
    check_writable,
    find,
    find_to_resume,
    open_folder,
    refuse_occupied,
    try_writing,
)
from trainer.errors import UsageError

PLACE = "./checkpoints"


@pytest.mark.parametrize("selector", ["latest", " 3 ", "checkpoint_000003", "final", "best"])
def test_a_checkpoint_by_what_it_is_called(checkpoint: Path, selector: str) -> None:
    assert find(selector, PLACE, "") == checkpoint


@pytest.mark.parametrize("selector", ["./other/checkpoint_000003", "other/checkpoint_000003"])
def test_a_path_leads_to_another_place(checkpoint: Path, home: Path, selector: str) -> None:
    other = golden_in(home / "other")
    assert find(selector, PLACE, "") == other
    found = find_to_resume(selector, PLACE, "")
    assert (found.saved.path, found.place) == (other, "./other")
    assert find_to_resume("3", PLACE, "").place == PLACE
    assert find_to_resume(str(checkpoint), PLACE, "").place == PLACE


def test_a_message_names_where_the_selector_comes_from(checkpoint: Path) -> None:
    for look in (find, find_to_resume):
        with pytest.raises(NoUsableCheckpoint, match=r"^RESTORE_CHECKPOINT: no checkpoint for"):
            look("7", PLACE, "RESTORE_CHECKPOINT")
        with pytest.raises(NoUsableCheckpoint, match=r"^no checkpoint for"):
            look("7", PLACE, "")
        with pytest.raises(UsageError, match=r"^--resume is empty; name a checkpoint"):
            look("  ", PLACE, "--resume")


def test_a_job_is_told_on_which_machine_a_path_was_looked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/tmp/ray/session_1/checkpoint_000150"
    with pytest.raises(NoUsableCheckpoint) as told:
        find_to_resume(path, PLACE, "RESTORE_CHECKPOINT")
    assert f"RESTORE_CHECKPOINT: Checkpoint path does not exist: {path};" in str(told.value)
    assert "Ray" not in str(told.value).replace(path, "")
    job = {"metadata": {"job_submission_id": "raysubmit_1"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    with pytest.raises(NoUsableCheckpoint) as told:
        find_to_resume(path, PLACE, "RESTORE_CHECKPOINT")
    assert f"Checkpoint path does not exist: {path};" in str(told.value)
    assert f"where it runs, here on {platform.node()} " in str(told.value)
    assert "RESTORE_CHECKPOINT=s3://" in str(told.value)
    with pytest.raises(NoUsableCheckpoint) as told:
        find_to_resume("150", PLACE, "")
    assert "Ray" not in str(told.value)


def test_nothing_valid_is_left(checkpoint: Path) -> None:
    (checkpoint / "metadata.json").write_text("{}")
    with pytest.raises(NoUsableCheckpoint, match="damaged: checkpoint_000003"):
        find_to_resume("3", PLACE, "")


def test_a_folder_that_the_disk_refuses_to_list_is_verified_all_the_same(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(CheckpointReader, "open_or_older", refuse)
    assert find_to_resume("3", PLACE, "").saved.iteration == 3
    (checkpoint / "algorithm_state.pkl").write_bytes(b"?")
    with pytest.raises(CheckpointCorrupted):
        find_to_resume("3", PLACE, "")


def test_a_folder_with_checkpoints_is_not_for_a_new_run(checkpoint: Path, home: Path) -> None:
    refuse_occupied("./empty")
    assert not (home / "empty").exists()
    with pytest.raises(UsageError) as caught:
        refuse_occupied(PLACE)
    assert "./checkpoints already holds 1 checkpoint(s), up to iteration 3" in str(caught.value)
    assert "--resume latest\n" in str(caught.value)
    golden_in(home / "my runs")
    with pytest.raises(UsageError, match=r"--resume latest --checkpoint-dir './my runs'\n"):
        refuse_occupied("./my runs")


def test_a_place_that_is_no_folder(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(UsageError, match=r"ppo.checkpoint_dir: file is not a folder"):
        open_folder("file")
    with pytest.raises(UsageError, match=r"cannot write into .*file forbids it"):
        check_writable("file/below")
    check_writable("new/deep/below")
    try_writing("new/deep/below")
    assert {path.name for path in home.iterdir()} == {"config.yaml", "file"}


def test_a_place_that_takes_no_folder_is_refused_before_training(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**kwargs: object) -> str:
        raise OSError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(UsageError, match=r"cannot write into new: No such.*another --checkpoint-"):
        try_writing("new")


def test_curves_that_cannot_be_written_are_refused_with_the_key(home: Path) -> None:
    (home / "runs").write_text("")
    with pytest.raises(UsageError, match=r"cannot write into .*/runs: .*; set tracking\.tensorb"):
        check_curves_writable("./runs")
    check_curves_writable(None)
    check_curves_writable("./new/runs")
    assert not (home / "new").exists()
