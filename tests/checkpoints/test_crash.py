"""A save that is stopped anywhere leaves the state before it or the state after it."""

import errno
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.boundaries import examine, interrupted_save, prepare, stop_at
from tests.checkpoints.fakes import contents, names, save
from trainer.checkpoints.errors import CheckpointWriteFailed
from trainer.checkpoints.manager import CheckpointManager

ROOT = Path(__file__).parents[2]
CLEAN = ["checkpoint_000030", "checkpoint_index.json"]


class Crash(BaseException):
    """Not an Exception: nothing may swallow it."""


def check(outcome: dict[str, Any], before: dict[str, str]) -> None:
    assert outcome["listed"] in ([10], [10, 20], [20])
    assert outcome["skipped"] == []
    if 10 in outcome["listed"]:
        assert outcome["before"] == before
    assert outcome["after"] == CLEAN


@pytest.mark.parametrize(
    "error",
    [
        Crash(),
        OSError(errno.EIO, "Input/output error"),
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), marks=pytest.mark.slow),
        pytest.param(OSError(errno.EACCES, "Permission denied"), marks=pytest.mark.slow),
    ],
)
def test_an_error_at_any_step(tmp_path: Path, error: Crash | OSError) -> None:
    def stop() -> None:
        raise error

    listed = []
    prepare(tmp_path / "start")
    before = {k: v for k, v in contents(tmp_path / "start").items() if "_000010/" in k}
    for step in count():
        directory = tmp_path / str(step)
        shutil.copytree(tmp_path / "start", directory)
        with stop_at(step, stop) as met:
            try:
                interrupted_save(directory)
            except (Crash, CheckpointWriteFailed):
                assert not any(name.startswith(".tmp-") for name in names(directory))
        for trash in directory.glob(".trash-*"):  # its writer lives: this process
            trash.rename(directory.with_name(f"{step}-trash"))
        outcome = examine(directory)
        check(outcome, before)
        listed.append(outcome["listed"])
        if len(met) <= step:
            break
    # The commit is one step: [10] up to it, 20 from then on.
    assert listed[0] == [10]
    assert listed[-1] == [20]
    assert sorted(listed, key=lambda found: 20 in found) == listed
    assert len(listed) > 30


def test_a_kill_at_any_step(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.checkpoints.boundaries", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    outcomes = [json.loads(line) for line in run.stdout.splitlines()]
    save(CheckpointManager(tmp_path / "reference"), 10, payload="before")
    for outcome in outcomes:
        assert outcome["status"] in (signal.SIGKILL, 0)
        if 10 in outcome["listed"]:
            assert len(outcome["before"]) == 10
        check(outcome, outcome["before"])
    listed = [outcome["listed"] for outcome in outcomes]
    assert [10] in listed
    assert [10, 20] in listed
    assert listed[-1] == [20]
    assert sorted(listed, key=lambda found: 20 in found) == listed
    assert len(listed) > 30


WRITER = """
import sys
from pathlib import Path
from tests.checkpoints.fakes import FakeAlgorithm
from trainer.checkpoints.manager import CheckpointManager

def pause(path):
    path.write_text("half")
    print("ready", flush=True)
    sys.stdin.readline()

CheckpointManager(sys.argv[1]).save(
    FakeAlgorithm(), iteration=20, metadata={}, writers={"part.pt": pause}
)
"""


@pytest.fixture
def writer(manager: CheckpointManager, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of saving 20, where 10 is there already."""
    save(manager, 10)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_killed_save_leaves_no_trace_for_the_next(
    writer: subprocess.Popen[str], manager: CheckpointManager, directory: Path
) -> None:
    writer.kill()
    writer.wait()
    assert len(list(directory.glob(".tmp-*-checkpoint_000020"))) == 1
    assert manager.listing().iterations == [10]
    assert manager.listing().skipped == ()
    again = CheckpointManager(directory)
    with again.writer_lock():
        pass
    assert names(directory) == ["checkpoint_000010", "checkpoint_index.json"]
    save(again, 20)
    assert again.listing().iterations == [10, 20]


def test_a_save_clears_up_after_a_writer_killed_meanwhile(
    writer: subprocess.Popen[str], manager: CheckpointManager, directory: Path
) -> None:
    writer.kill()
    writer.wait()
    save(manager, 30)
    assert names(directory) == ["checkpoint_000010", "checkpoint_000030", "checkpoint_index.json"]


def test_readers_and_another_manager_leave_a_living_save_alone(
    writer: subprocess.Popen[str], directory: Path
) -> None:
    other = CheckpointManager(directory)
    assert other.listing().iterations == [10]
    save(other, 15)
    writer.communicate("\n")
    assert writer.returncode == 0
    assert other.listing().iterations == [10, 15, 20]
    for info in other.listing().checkpoints:
        other.verify(directory / info.name)
