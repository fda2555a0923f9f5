"""A retried job waits for the lease of the one before it, but not for ever."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.checkpoints.object_store import Bucket, url
from trainer.checkpoints.errors import CheckpointsInUse
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.process_owner import Owner
from trainer.commands.train import predecessor
from trainer.commands.train.predecessor import wait_for_predecessor

LEASE = ".writer-other.json"


@pytest.fixture
def store(
    s3: int,
    s3_keys: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> tuple[CheckpointManager, Bucket]:
    """A place to which the driver of another job writes, on a machine that is gone."""
    monkeypatch.setenv("CHECKPOINT_CACHE", str(tmp_path / "mirror"))
    monkeypatch.setattr(predecessor, "PAUSE_S", 0.01)
    bucket = Bucket(s3, request.node.name)
    there = replace(Owner.this_process(datetime.now()), machine="gone", host="head-7", pid=99)
    there = replace(there, job="raysubmit_1")
    bucket.write(LEASE, json.dumps(asdict(there)).encode())
    return CheckpointManager(url(s3, request.node.name)), bucket


def test_it_waits_until_the_lease_is_gone(
    store: tuple[CheckpointManager, Bucket],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manager, bucket = store
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            bucket.delete(LEASE)

    monkeypatch.setattr(predecessor, "sleep", pause)
    wait_for_predecessor(manager)
    assert len(pauses) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"waiting: {manager.shown} is in use by ")
    assert "raysubmit_1" in line
    assert "if it has died, its lease ends by " in line
    wait_for_predecessor(manager)
    assert capsys.readouterr().out == ""  # nobody writes: there is nothing to wait for


def test_one_that_lives_is_not_waited_for(
    store: tuple[CheckpointManager, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, bucket = store
    now, pauses = [0.0], list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += 60.0
        bucket.write(LEASE, bucket.read(LEASE))  # as a living writer does every minute

    monkeypatch.setattr(predecessor, "sleep", pause)
    monkeypatch.setattr(predecessor, "monotonic", lambda: now[0])
    with pytest.raises(CheckpointsInUse, match="the Ray job raysubmit_1"):
        wait_for_predecessor(manager)
    assert len(pauses) == 1


def test_it_does_not_wait_for_ever(store: tuple[CheckpointManager, Bucket]) -> None:
    manager, bucket = store
    with pytest.raises(CheckpointsInUse, match=r"raysubmit_1(.|\n)*its lease ends 15 min after"):
        wait_for_predecessor(manager, wait_s=0.05)
    assert bucket.names() == [LEASE]  # and nobody is driven out


def test_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path / "checkpoints")
    wait_for_predecessor(manager)
    assert not manager.directory.exists()
