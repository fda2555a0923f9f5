"""One writer per folder, and what a living run builds on stays: with real processes and signals."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import WHEN, WRITERS, FakeAlgorithm, save
from trainer.checkpoints import layout, locks, process_owner
from trainer.checkpoints.errors import CheckpointsInUse, FolderLost, NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.process_owner import Owner

ROOT = Path(__file__).parents[2]
RIVAL = """
import os, sys
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.manager import CheckpointManager
os.fsync = os.fstat  # nobody cuts the power here
for line in sys.stdin:
    kind, directory, target = line.rstrip("\\n").split("|")
    manager = CheckpointManager(directory)
    try:
        with manager.writer_lock() if kind == "write" else manager.protect(target):
            print("owner", flush=True)
            sys.stdin.readline()
    except CheckpointError as error:
        print(str(error).splitlines()[0], flush=True)
        sys.stdin.readline()
    print("done", flush=True)
"""


class Rival:
    """Another process, which takes a lock when told and gives it back when told."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RIVAL],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def say(self, line: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def die(self) -> None:
        """Killed, and nobody has asked for its exit status: its number is still taken."""
        self.process.kill()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


Rivals = tuple[Rival, Rival]


@pytest.fixture
def rivals() -> Iterator[Rivals]:
    with contextlib.ExitStack() as stack:
        pair = Rival(), Rival()
        for rival in pair:
            stack.enter_context(rival.process)
            stack.callback(rival.process.kill)
        yield pair


def record(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / layout.WRITER).read_text())
    return found


def plant_record(directory: Path, **changes: Any) -> None:
    """The record of another writer."""
    directory.mkdir(exist_ok=True)
    document = json.loads(Owner.this_process(WHEN).encode()) | changes
    (directory / layout.WRITER).write_text(json.dumps(document))


def test_the_ray_job_of_a_writer_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"metadata": {"job_submission_id": "raysubmit_1"}, "runtime_env": {}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(config))
    plant_record(directory, machine="elsewhere", host="head", pid=7, since="today")
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR")
    with pytest.raises(CheckpointsInUse) as caught:
        locks.check_free(directory)
    first, second = str(caught.value).splitlines()
    assert first.endswith("in use by process 7 on head, the Ray job raysubmit_1 (since today)")
    assert second.startswith("Stop that one (python -m trainer.submit stop raysubmit_1), or use")
    assert Owner.this_process(WHEN).job == ""
    config["metadata"]["submitted_to"] = "http://head:8265"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(config))
    with pytest.raises(
        CheckpointsInUse, match="stop raysubmit_1 --address http://head:8265\\), or"
    ):
        locks.check_free(directory)


def test_fifty_races_have_one_winner_each(rivals: Rivals, tmp_path: Path) -> None:
    for race in range(50):
        for rival in rivals:
            rival.say(f"write|{tmp_path / str(race)}|")
        answers = sorted(rival.hear() for rival in rivals)
        assert answers[1] == "owner"
        assert answers[0].startswith(f"{tmp_path / str(race)} is in use by process ")
        for rival in rivals:
            rival.say("")
            assert rival.hear() == "done"
        assert not (tmp_path / str(race) / layout.WRITER).exists()


def test_a_killed_owner_holds_nothing(
    rivals: Rivals, directory: Path, manager: CheckpointManager
) -> None:
    first, second = rivals
    first.say(f"write|{directory}|")
    assert first.hear() == "owner"
    with pytest.raises(CheckpointsInUse) as caught, manager.writer_lock():
        pass
    told = record(directory)
    assert str(caught.value).splitlines() == [
        f"{directory} is in use by process {first.process.pid} on {told['host']} "
        f"(since {told['since']})",
        "Stop that one, or use another folder (--checkpoint-dir)",
    ]
    first.die()
    assert locks.writer_of(directory) is None
    second.say(f"write|{directory}|")
    assert second.hear() == "owner"
    assert record(directory)["pid"] == second.process.pid


def test_a_stopped_owner_still_holds(
    rivals: Rivals, directory: Path, manager: CheckpointManager
) -> None:
    rivals[0].say(f"write|{directory}|")
    assert rivals[0].hear() == "owner"
    rivals[0].process.send_signal(signal.SIGSTOP)
    with pytest.raises(CheckpointsInUse), manager.writer_lock():
        pass
    rivals[0].process.send_signal(signal.SIGCONT)


def test_a_second_lock_in_the_same_process_is_refused_too(
    directory: Path, manager: CheckpointManager
) -> None:
    with manager.writer_lock() as owner:
        assert (owner.pid, owner.since) == (os.getpid(), WHEN.isoformat(sep=" "))
        assert locks.writer_of(directory) == owner
        with (
            pytest.raises(CheckpointsInUse, match=f"process {os.getpid()} on"),
            CheckpointManager(directory).writer_lock(),
        ):
            pass
        save(manager, 10)
    with manager.writer_lock():
        pass
    assert not (directory / layout.WRITER).exists()


def test_an_error_inside_gives_the_lock_back(directory: Path, manager: CheckpointManager) -> None:
    with pytest.raises(ZeroDivisionError), manager.writer_lock():
        raise ZeroDivisionError
    assert not (directory / layout.WRITER).exists()


def test_a_number_that_another_process_has_by_now_is_nobodys_lock(
    directory: Path, manager: CheckpointManager
) -> None:
    plant_record(directory, start=process_owner.start_time(os.getpid()) + 1)
    with manager.writer_lock() as owner:
        assert record(directory)["token"] == owner.token


def test_a_fork_that_ends_gives_nothing_back(directory: Path, manager: CheckpointManager) -> None:
    folder = save(manager, 10)
    with contextlib.ExitStack() as held:
        held.enter_context(manager.writer_lock())
        held.enter_context(manager.protect(folder))
        before = sorted(directory.iterdir())
        child = os.fork()
        if child == 0:
            held.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert sorted(directory.iterdir()) == before
    assert len(list(directory.iterdir())) == len(before) - 2


def test_another_machine_is_believed_and_the_way_out_is_told(
    directory: Path, manager: CheckpointManager
) -> None:
    plant_record(directory, machine="elsewhere_1", host="node\x1b[2J7", pid=1)
    before = (directory / layout.WRITER).read_text()
    with pytest.raises(CheckpointsInUse) as caught, manager.writer_lock():
        pass
    first, second = str(caught.value).splitlines()
    assert f"{directory} is in use by process 1 on node?[2J7" in first
    assert second.endswith(f"if it no longer runs there, delete {directory / layout.WRITER}")
    assert (directory / layout.WRITER).read_text() == before


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"pid": 1e400}', "\xff", '{"pid": 1' + "0" * 5000 + "}"],
)
def test_a_record_that_makes_no_sense_is_not_overridden(
    directory: Path, manager: CheckpointManager, text: str
) -> None:
    directory.mkdir()
    (directory / layout.WRITER).write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointsInUse, match=r"may be in use: .* is not readable"):
        manager.writer_lock().__enter__()
    assert manager.listing().checkpoints == ()  # readers do not care


def test_what_replaced_the_own_record_is_left_alone(
    directory: Path, manager: CheckpointManager
) -> None:
    with manager.writer_lock():
        plant_record(directory, machine="elsewhere")
    assert record(directory)["machine"] == "elsewhere"


def test_readers_need_no_lock(directory: Path, manager: CheckpointManager) -> None:
    save(manager, 10)
    with CheckpointManager(directory).writer_lock():
        assert manager.listing().iterations == [10]
        manager.verify(directory / "checkpoint_000010")
        manager.pin(10)


def test_a_mutex_that_does_not_come_free_is_an_error(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.0)
    directory.mkdir()
    with (
        locks.mutex(directory),
        pytest.raises(CheckpointsInUse, match="being changed by another process"),
        locks.mutex(directory),
    ):
        pass


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_a_living_run_began_with_is_not_pruned(
    rivals: Rivals, directory: Path, tmp_path: Path, elsewhere: bool
) -> None:
    for iteration in (10, 20, 30):
        save(CheckpointManager(directory, keep_last_n=0), iteration)
    thrifty = CheckpointManager(directory, keep_last_n=1)
    own = tmp_path / "other run" if elsewhere else directory
    rivals[0].say(f"protect|{own}|{directory / 'checkpoint_000010'}")
    assert rivals[0].hear() == "owner"
    assert [path.name for path in thrifty.prune(dry_run=True)] == ["checkpoint_000020"]
    thrifty.prune()
    assert thrifty.listing().iterations == [10, 30]
    rivals[0].die()
    thrifty.prune()
    assert thrifty.listing().iterations == [30]
    assert not list(directory.glob(f"{layout.IN_USE}*"))


def test_protection_ends_with_its_context_and_follows_links(
    directory: Path, manager: CheckpointManager, tmp_path: Path
) -> None:
    for iteration in (10, 20):
        save(manager, iteration)
    (tmp_path / "source").symlink_to(directory / "checkpoint_000010")
    thrifty = CheckpointManager(directory, keep_last_n=1)
    with manager.protect(tmp_path / "source"), manager.protect(str(tmp_path / "source")):
        assert thrifty.prune() == []
    assert thrifty.prune() == [directory / "checkpoint_000010"]
    with (
        pytest.raises(NoUsableCheckpoint, match="it may have been pruned"),
        manager.protect(directory / "checkpoint_000010"),
    ):
        pass


def test_the_marker_of_another_machine_is_believed(
    directory: Path, manager: CheckpointManager
) -> None:
    for iteration in (10, 20):
        save(manager, iteration)
    marker = directory / f"{layout.IN_USE}1-a-checkpoint_000010"
    for text in ("", Owner("h", "elsewhere", 1, 1, "today", "a").encode()):
        marker.write_text(text)
        assert CheckpointManager(directory, keep_last_n=1).prune() == []
    marker.unlink()
    assert len(CheckpointManager(directory, keep_last_n=1).prune()) == 1


def test_a_copy_under_another_name_needs_no_marker(
    directory: Path, manager: CheckpointManager
) -> None:
    save(manager, 10).rename(directory / "best_model")
    with manager.protect(directory / "best_model"):
        assert sorted(path.name for path in directory.iterdir()) == [
            "best_model",
            "checkpoint_index.json",
        ]


def test_a_source_that_cannot_be_marked_can_be_used(
    directory: Path, manager: CheckpointManager, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save(manager, 10)
    (directory / layout.LOCK).mkdir()  # as on a file system that cannot be written
    with manager.protect(folder):
        assert "cannot be marked as in use, others may prune it" in caplog.text


def test_a_folder_that_was_moved_is_not_written_to(
    manager: CheckpointManager, directory: Path
) -> None:
    with manager.writer_lock():
        save(manager, 1)
        staged = manager.stage(FakeAlgorithm(), iteration=2, metadata={}, writers=WRITERS)
        moved = directory.rename(directory.with_name("moved"))
        with pytest.raises(
            FolderLost, match=rf"was moved to {moved} .* there: .*checkpoint_000001"
        ):
            staged.commit()
        with pytest.raises(FolderLost):
            save(manager, 2)
        assert not directory.exists()
        other = CheckpointManager(directory)
        with other.writer_lock():  # another run begins where the first one was
            save(other, 1)
            before = sorted(path.name for path in directory.iterdir())
            with pytest.raises(FolderLost, match="was moved to"):
                save(manager, 2)
            assert sorted(path.name for path in directory.iterdir()) == before
    assert [path.name for path in moved.glob("checkpoint_0*")] == ["checkpoint_000001"]


def test_a_deleted_folder_is_not_made_again(manager: CheckpointManager, directory: Path) -> None:
    with manager.writer_lock():
        save(manager, 1)
        shutil.rmtree(directory)
        with pytest.raises(FolderLost, match="was deleted during the run"):
            save(manager, 2)
    assert not directory.exists()


@pytest.mark.parametrize("how", ["removed", "replaced", "copied"])
def test_a_lock_that_is_another_ones_now_ends_the_writing(
    manager: CheckpointManager, directory: Path, how: str
) -> None:
    with manager.writer_lock():
        record = directory / layout.WRITER
        text = record.read_text()
        record.unlink()
        if how != "removed":
            (directory / "pad").touch()  # so that the number of the file is not used again
            other = text.replace(json.loads(text)["token"], "0" * 32) if how == "replaced" else text
            record.with_name("copy").write_text(other)
            record.with_name("copy").rename(record)
        with pytest.raises(FolderLost, match="taken over by another writer"):
            save(manager, 1)
    assert not (directory / "checkpoint_000001").exists()
