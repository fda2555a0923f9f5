"""A writer that is killed between two objects: who finishes its upload, and who clears it away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints.fakes import save
from tests.checkpoints.store_places import StorePlace, second_machine

ROOT = Path(__file__).parents[2]
FILES = 9  # of a checkpoint, without its manifest


KILLED = """
import os, signal, sys
from tests.checkpoints.fakes import save
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.remote import client

manager, left = CheckpointManager(sys.argv[1]), [int(sys.argv[2])]
client._AT_ONCE = 1

def stopping(name):
    real = getattr(client.Client, name)
    def method(self, *args):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return real(self, *args)
    return method

for name in ("upload", "write"):
    setattr(client.Client, name, stopping(name))
save(manager, 20)
"""


def killed_upload(place: StorePlace, step: int) -> None:
    command = [sys.executable, "-c", KILLED, place.given, str(step)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "step", [4, *(pytest.param(k, marks=pytest.mark.slow) for k in (0, 1, FILES, FILES + 1))]
)
def test_a_killed_upload_is_finished_by_the_next_save_here(remote: StorePlace, step: int) -> None:
    save(remote.manager(), 10)
    killed_upload(remote, step)
    manager = remote.manager()
    assert manager.waiting() == [20]
    assert manager.listing().iterations == [10, 20]  # it is committed, on this machine
    save(manager, 30)
    remote.forget()
    found = remote.manager()
    assert found.listing().iterations == [10, 20, 30]
    assert found.listing().skipped == ()
    for iteration in (10, 20, 30):
        found.verify(found.open(iteration))


def test_another_machines_next_writer_clears_a_half_upload(
    remote: StorePlace,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save(remote.manager(), 10)
    killed_upload(remote, 4)
    second_machine(monkeypatch, tmp_path / "another machine")
    manager = remote.manager()
    assert manager.listing().iterations == [10]
    assert manager.listing().skipped == ()
    assert "checkpoint_000020" in remote.names()
    with manager.writer_lock():
        assert "checkpoint_000020" not in remote.names()
    assert "removed checkpoint_000020 from the store: its upload was never finished" in caplog.text
    save(manager, 20, payload="second life")
    assert remote.manager().listing().iterations == [10, 20]


def test_one_that_died_before_the_pointer_is_published_if_it_is_whole(
    remote: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(remote.manager(), 10)
    killed_upload(remote, FILES + 1)  # before latest.json
    second_machine(monkeypatch, tmp_path / "another machine")
    manager = remote.manager()
    listing = manager.listing()
    assert listing.iterations == [10]
    assert listing.skipped == (
        (
            "checkpoint_000020",
            "uploaded, but not verified by its writer (latest.json names checkpoint_000010)",
        ),
    )
    with manager.writer_lock():
        pass
    assert manager.listing().iterations == [10, 20]
    assert manager.listing().skipped == ()


@pytest.mark.slow
def test_a_damaged_one_beyond_the_pointer_stays_hidden(
    remote: StorePlace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    save(remote.manager(), 10)
    killed_upload(remote, FILES + 1)
    remote.bucket.write("checkpoint_000020/algorithm_state.pkl", b"other")
    second_machine(monkeypatch, tmp_path / "another machine")
    manager = remote.manager()
    with manager.writer_lock():
        pass
    assert "checkpoint_000020 is damaged in the store and stays hidden" in caplog.text
    assert manager.listing().iterations == [10]
