"""Session records are written behind the training, and nothing that goes wrong there ends it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.episodes.samples import sampled
from trainer.checkpoints.errors import StoreUnavailable
from trainer.config.schema import Config
from trainer.episodes.names import RecordName
from trainer.episodes.record import parse
from trainer.episodes.store import LocalRecords
from trainer.ppo.sampled_episode import SampledEpisode
from trainer.run.identity import RunIdentity
from trainer.run.session_recorder import SessionRecorder

EPISODE = sampled()


class Store(LocalRecords):
    """A folder that can be made to fail, or to wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, str(folder))
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()

    def write(self, path: str, content: bytes) -> None:
        assert self.open.wait(60)
        if self.error is not None:
            raise self.error
        super().write(path, content)


def recorder_of(store: LocalRecords, keep: int = 100) -> SessionRecorder:
    config = Config.from_dict({"tracking": {"sessions": {"every": 1, "keep": keep}}})
    return SessionRecorder(config, RunIdentity("a run", None, None), store)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_worker_keeps_its_newest_records(tmp_path: Path) -> None:
    recorder = recorder_of(Store(tmp_path), keep=2)
    for iteration in range(4):
        episode = replace(EPISODE, world=iteration)
        recorder.write({1: episode, 2: episode} if iteration < 3 else {1: episode})
    recorder.close()
    session = Path(recorder.place).name
    kept = [(1, 3), (1, 4), (2, 2), (2, 3)]
    assert names(tmp_path) == [
        f"{session}/worker_{worker}/episode_{number:06d}_checkpoint.json" for worker, number in kept
    ]
    record = parse(Path(recorder.place, "worker_1/episode_000004_checkpoint.json").read_bytes())
    assert (record.world, record.run, record.game) == (3, "a run", "hide_and_seek")
    assert (recorder.written, recorder.lost) == (7, 0)
    assert [*recorder.notices()] == []
    assert "7 session records; the last one: " in recorder.summary()
    assert f"trainer.sessions show {recorder.place}" in recorder.summary()


def test_a_session_never_goes_on_in_the_folder_of_another(tmp_path: Path) -> None:
    places = []
    for _ in range(3):
        recorder = recorder_of(Store(tmp_path))
        recorder.write({0: EPISODE})
        recorder.close()
        places.append(recorder.place)
    assert len({*places}) == 3
    assert len(names(tmp_path)) == 3


def test_nothing_is_made_before_the_first_episode(tmp_path: Path) -> None:
    recorder = recorder_of(Store(tmp_path / "sessions"))
    recorder.write({})
    recorder.close()
    assert not (tmp_path / "sessions").exists()
    assert recorder.summary() == ""


FAILURES: list[Exception] = [
    OSError(errno.ENOSPC, "No space left on device"),
    StoreUnavailable("s3://bucket/sessions cannot be used: timeout\nCheck the network"),
    RuntimeError("anything else"),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_place_that_fails_is_told_once_and_again_when_it_works(
    tmp_path: Path, failure: Exception
) -> None:
    store = Store(tmp_path)
    store.error = failure
    recorder = recorder_of(store)
    for _ in range(3):
        recorder.write({0: EPISODE})
    wait_for(lambda: recorder.lost == 3)
    (notice,) = recorder.notices()
    assert notice[1] == "warning"
    assert f"cannot be written to {tmp_path}: " in notice[0]
    assert str(failure).splitlines()[0] in notice[0]
    assert notice[0].endswith("Training goes on without them until they can")
    store.error = None
    recorder.write({0: EPISODE})
    recorder.close()
    (notice,) = recorder.notices()
    assert notice == (f"session records are written again: {recorder.place}", "info")
    assert (recorder.written, recorder.lost) == (1, 3)
    assert "1 session record, 3 left out" in recorder.summary()
    assert len(names(tmp_path)) == 1


def test_training_does_not_wait_for_a_slow_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open.clear()
    recorder = recorder_of(store)
    for _ in range(100):
        recorder.write({0: EPISODE})  # would wait for ever if it waited
    assert 30 <= recorder.lost <= 40  # 64 wait, and one is being written
    slow = f"{tmp_path} takes session records more slowly than they come; some are left out"
    assert list(recorder.notices()) == [(slow, "warning")]  # once
    recorder.close(patience_s=0.0)  # not even at the end
    late = f"{tmp_path} did not take the last session records within 0 s"
    assert list(recorder.notices()) == [(late, "warning")]
    store.open.set()


def test_episodes_that_a_runner_missed_are_counted(tmp_path: Path) -> None:
    recorder = recorder_of(Store(tmp_path))
    recorder.write({3: replace(EPISODE, missed=2)})
    recorder.close()
    assert (recorder.written, recorder.lost) == (1, 2)


def test_records_without_a_trace_are_told_once(tmp_path: Path) -> None:
    recorder = recorder_of(Store(tmp_path))
    bare: SampledEpisode = replace(EPISODE, frames=None, settings={}, without="no copies")
    for _ in range(2):
        recorder.write({0: bare})
    recorder.close()
    assert [*recorder.notices()] == [("session records without a trace: no copies", "warning")]
    record = parse(Path(recorder.place, "worker_0/episode_000002_checkpoint.json").read_bytes())
    assert (record.trace, record.without) == (None, "no copies")


WRITING = """
import sys
from pathlib import Path
from tests.episodes.samples import content
from trainer.episodes.names import RecordName
from trainer.episodes.store import LocalRecords
store, text = LocalRecords(Path(sys.argv[1]), "x"), content()
print("ready", flush=True)
for number in range(10**6):
    store.write(RecordName("ray_training_20261122_130524", number, 0).path, text)
"""


def test_a_kill_leaves_no_half_record(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITING, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        wait_for(lambda: len(names(tmp_path)) > 20)
        process.send_signal(signal.SIGKILL)
    found = LocalRecords(tmp_path, "x").find()
    assert len(found) >= 20  # one of the files may have been a temporary
    for item in found:
        assert parse((tmp_path / item.name.path).read_bytes()).seed == 7
    assert all(isinstance(item.name, RecordName) for item in found)


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something is so; a minute is taken for never."""
    tick = threading.Event()
    for _ in range(6000):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("it did not come to that")
