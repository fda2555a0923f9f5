import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints.fakes import WHEN, save
from tests.checkpoints.object_store import Bucket, url
from tests.checkpoints.store_places import Place, StorePlace
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.remote import client
from trainer.checkpoints.remote.location import CACHE_VARIABLE
from trainer.commands.checkpoint_tools import main as program

Call = Callable[..., tuple[int, str, str]]
"""Runs a command: exit code, standard output, standard error."""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power, and flushing is most of the time of a small save."""
    monkeypatch.setattr(os, "fsync", os.fstat)


@pytest.fixture(autouse=True)
def _far_from_real_stores(s3_keys: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No real credentials, no copies in the project's own cache, and little patience."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache of this machine"))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "PATIENCE", client.Patience(2.0, 5.0, attempts=3, pause_s=0.02))


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where the checkpoints are: "local", unless a test asks for "s3" too; nothing is there yet."""
    if getattr(request, "param", "local") == "local":
        return Place(str(tmp_path / "my checkpoints"))
    port = request.getfixturevalue("s3")
    prefix = f"{tmp_path.name}/my checkpoints"
    return Place(url(port, prefix), Bucket(port, prefix))


@pytest.fixture
def remote(s3: int, tmp_path: Path) -> StorePlace:
    """A place in the S3 server."""
    prefix = f"{tmp_path.name}/my checkpoints"
    return StorePlace(url(s3, prefix), Bucket(s3, prefix))


@pytest.fixture
def directory(place: Place) -> Path:
    """A checkpoint directory that does not exist yet, with a blank in its name."""
    return place.directory


@pytest.fixture
def manager(place: Place) -> CheckpointManager:
    return place.manager(keep_last_n=0)


@pytest.fixture
def four(
    manager: CheckpointManager, directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """Checkpoints 10 to 40, of which 20 has the best reward; the working directory is beside."""
    directory.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for iteration, reward in ((10, 1.0), (20, 9.0), (30, 2.0), (40, 3.0)):
        save(manager, iteration, reward_mean=reward, payload=f"state {iteration}")
        (directory / f"metrics_iter_{iteration}.json").touch()
    manager.upload()
    return directory


@pytest.fixture
def call(four: Path, place: Place, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the folder: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        folder = [] if "--checkpoint-dir" in words else ["--checkpoint-dir", place.given]
        code = program.main([str(words[0]), *folder, *map(str, words[1:])])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def two(directory: Path) -> Path:
    """Checkpoints 10, with much metadata and a name, and 20, pinned."""
    manager = CheckpointManager(directory, clock=lambda: WHEN)
    save(manager, 10, seed=1, run_name="a", parent={"path": "x/y", "sha256": "0"})
    save(manager, 20)
    manager.pin(20)
    manager.label(10, "hides_well", "a note")
    return directory


@pytest.fixture
def dead() -> str:
    """The record of a process that has ended."""
    code = (
        "from datetime import datetime\n"
        "from trainer.checkpoints.process_owner import Owner\n"
        "print(Owner.this_process(datetime.now()).encode())"
    )
    command = [sys.executable, "-S", "-c", code]
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    ).stdout
