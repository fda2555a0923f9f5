"""An upload that is cut anywhere leaves nothing that a reader takes for a checkpoint."""

import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import names, save
from tests.checkpoints.object_store import Line, url
from tests.checkpoints.store_places import Place, StorePlace, second_machine
from trainer.checkpoints.errors import (
    CheckpointExists,
    CheckpointWriteFailed,
    StoreUnavailable,
    UploadFailed,
)
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.remote import client
from trainer.checkpoints.remote.client import Client

FILES = 9  # of a checkpoint, without its manifest


class Steps(list[tuple[str, str]]):
    """The operations on the store and their objects; `stop_at(k, error)` raises before the k-th."""

    stop: int | None = None
    error: Exception

    def stop_at(self, step: int, error: Exception) -> None:
        self.stop, self.error = len(self) + step, error


@pytest.fixture
def line(s3: int) -> Iterator[Line]:
    """A line to the server that can be cut."""
    found = Line(s3)
    yield found
    found.close()


@pytest.fixture
def shaky(line: Line, remote: StorePlace) -> StorePlace:
    """The same place by that line; the mirror is the line's own."""
    return StorePlace(url(line.port, remote.bucket.root.partition("/")[2]), remote.bucket)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What is done to the store, in order."""
    met = Steps()

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(Client, name)

        def method(self: Client, *args: Any) -> Any:
            if met.stop is not None and len(met) >= met.stop:
                raise met.error
            target = args[1] if name == "upload" else args[0]
            met.append((name, target))
            return real(self, *args)

        return method

    for name in ("write", "upload", "delete", "delete_tree", "copy"):
        monkeypatch.setattr(Client, name, counted(name))
    return met


def test_the_manifest_is_last_and_latest_moves_after_the_check(
    remote: StorePlace, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Client.chunks

    def chunks(self: Client, name: str, sink: Callable[[bytes], Any]) -> None:
        steps.append(("check", name))
        real(self, name, sink)

    monkeypatch.setattr(Client, "chunks", chunks)
    manager = remote.manager()
    save(manager, 10)
    done = [step for step in steps if step[0] in ("write", "upload", "check")]
    kinds = [kind for kind, _ in done]
    assert kinds == ["upload"] * FILES + ["check"] * FILES + ["write"] * 3
    assert [name for _, name in done[-3:]] == [
        "checkpoint_000010/manifest.json",
        "latest.json",
        "checkpoint_index.json",
    ]
    assert {name for kind, name in done if kind == "upload"} == {
        name for kind, name in done if kind == "check"
    }
    pointer = json.loads(remote.read("latest.json"))
    assert pointer["checkpoint"] == "checkpoint_000010"


def test_what_arrives_changed_is_sent_again_and_never_pointed_at(
    remote: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, garbled, times = Client.upload, count(), 2

    def garble(self: Client, source: Path, name: str) -> None:
        real(self, source, name)
        if name.endswith("algorithm_state.pkl") and next(garbled) < times:
            self.write(name, b"garbled")

    monkeypatch.setattr(Client, "upload", garble)
    save(remote.manager(), 10)
    assert remote.read("checkpoint_000010/algorithm_state.pkl") == b"state"
    times = 10**6
    with pytest.raises(UploadFailed, match=r"checkpoint_000020/algorithm_state.pkl: 7 bytes"):
        save(remote.manager(), 20)
    assert json.loads(remote.read("latest.json"))["checkpoint"] == "checkpoint_000010"
    assert remote.bucket.checkpoints() == ["checkpoint_000010"]
    remote.forget()
    assert remote.manager().listing().iterations == [10]


@pytest.mark.parametrize(
    "tried",
    [
        (FILES, FILES + 2),
        pytest.param(range(FILES + 4), marks=pytest.mark.slow),
    ],
)
def test_an_error_at_any_step_of_a_save(
    remote: StorePlace,
    steps: Steps,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tried: Iterable[int],
) -> None:
    """The store goes away before each step in turn: readers see the old state or the new one."""
    save(remote.manager(), 10)
    seen = []
    for step in tried:
        iteration = 20 + step
        steps.stop_at(step, StoreUnavailable(f"{remote.shown} cannot be used: cut"))
        manager = remote.manager(keep_last_n=0)
        failed = None
        try:
            save(manager, iteration)
        except UploadFailed as error:
            failed = error
        assert failed is None or failed.waiting in ((iteration,), ())
        steps.stop = None
        assert (manager.directory / f"checkpoint_{iteration:06d}").is_dir()
        with monkeypatch.context() as elsewhere:
            second_machine(elsewhere, tmp_path / f"reader {step}")
            reader = remote.manager()
            listed = reader.listing().iterations
            reader.verify(reader.open("latest"))
        seen.append((failed is not None, iteration in listed))
        manager.upload()  # the store is back
        assert manager.waiting() == []
        assert remote.manager().listing().iterations[-1] == iteration
    # Visible by one step, the pointer: nothing of it before, all of it afterwards.
    assert seen[0] == (True, False)
    assert seen[-1][1]
    assert sorted(seen, key=lambda pair: pair[1]) == seen


def test_dropped_connections_are_tried_again(
    line: Line, shaky: StorePlace, remote: StorePlace
) -> None:
    manager = shaky.manager()
    line.cut_after(3000, times=2)
    save(manager, 10)
    assert line.cuts == 2
    assert shaky.manager().waiting() == []
    found = remote.manager()
    found.verify(found.open("latest"))


@pytest.mark.parametrize(
    "allowed", [500, *(pytest.param(k, marks=pytest.mark.slow) for k in (0, 5_000, 12_000, 20_000))]
)
def test_a_line_that_stays_cut_loses_nothing(
    line: Line, shaky: StorePlace, remote: StorePlace, allowed: int
) -> None:
    manager = shaky.manager()
    save(manager, 10)
    line.cut_after(allowed)
    with pytest.raises(CheckpointWriteFailed) as caught:
        save(manager, 20)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{shaky.shown}: 1 checkpoint waits for upload: ")
    assert str(manager.directory) in second
    assert "endpoint" not in first
    assert remote.manager().listing().iterations == [10]
    with pytest.raises(UploadFailed, match="2 checkpoints wait for upload"):
        save(manager, 30)
    assert manager.waiting() == [20, 30]
    line.mend()
    save(manager, 40)
    assert manager.waiting() == []
    found = remote.manager()
    assert found.listing().iterations == [10, 20, 30, 40]
    for iteration in (20, 30, 40):
        found.verify(found.open(iteration))


def test_a_server_that_is_away_is_told_with_the_url(line: Line, shaky: StorePlace) -> None:
    line.cut_after(0)
    for ask in (
        lambda m: m.listing(),
        lambda m: m.open("latest"),
        lambda m: m.prune(),
        lambda m: m.pinned(),
    ):
        with pytest.raises(StoreUnavailable, match=rf"^{shaky.shown} cannot be used: "):
            ask(shaky.manager())


@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", client.Patience(1.0, 1.0, attempts=2, pause_s=0.02))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        manager = Place(url(silent.getsockname()[1], "x")).manager()
        started = time.monotonic()
        with pytest.raises(UploadFailed, match=r"^s3://bucket/x: 1 checkpoint waits for upload: "):
            save(manager, 10)
        assert time.monotonic() - started < 20.0
    assert manager.waiting() == [10]


@pytest.mark.slow
def test_a_damaged_one_that_waits_does_not_hold_up_the_others(
    line: Line, shaky: StorePlace, remote: StorePlace, caplog: pytest.LogCaptureFixture
) -> None:
    manager = shaky.manager()
    line.cut_after(0)
    with pytest.raises(UploadFailed):
        save(manager, 10)
    (manager.directory / "checkpoint_000010" / "algorithm_state.pkl").write_text("other")
    line.mend()
    save(manager, 20)
    assert "checkpoint_000010 is not uploaded: algorithm_state.pkl: content" in caplog.text
    assert remote.manager().listing().iterations == [20]
    assert manager.waiting() == [10]


def test_another_machines_checkpoint_is_not_overwritten(
    remote: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = remote.manager()
    with monkeypatch.context() as elsewhere:
        second_machine(elsewhere, tmp_path / "another machine")
        save(remote.manager(), 10, payload="theirs")
    with pytest.raises(CheckpointExists, match=r"already has checkpoint_000010, saved by another"):
        save(mine, 10, payload="mine")
    assert remote.read("checkpoint_000010/algorithm_state.pkl") == b"theirs"
    (kept,) = [name for name in names(mine.directory) if name.startswith("conflict_")]
    assert (mine.directory / kept / "algorithm_state.pkl").read_text() == "mine"
    found = mine.open("latest")
    assert (found / "algorithm_state.pkl").read_text() == "theirs"
    assert mine.waiting() == []


def test_a_deletion_takes_the_manifest_first(remote: StorePlace, steps: Steps) -> None:
    save(remote.manager(), 10)
    save(remote.manager(), 20)
    del steps[:]
    steps.stop_at(3, StoreUnavailable("cut"))
    with pytest.raises(StoreUnavailable, match="cut"):
        CheckpointManager(remote.given, 1).prune()
    assert [kind for kind, _ in steps] == ["delete", "delete", "delete"]
    assert steps[-1] == ("delete", "checkpoint_000010/manifest.json")
    steps.stop = None
    remote.forget()
    assert remote.manager().listing().iterations == [20]
    assert remote.manager().listing().skipped == ()
    with remote.manager().writer_lock():
        assert "checkpoint_000010" not in remote.names()
