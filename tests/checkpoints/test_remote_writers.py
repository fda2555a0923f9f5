"""One writer at a time in a store, on one machine or on several."""

import json
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import WHEN, save
from tests.checkpoints.store_places import StorePlace, second_machine
from trainer.checkpoints.errors import CheckpointsInUse, StoreUnavailable
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.remote import lease
from trainer.checkpoints.remote.client import Client, Entry
from trainer.checkpoints.remote.listing import list_remote


@pytest.fixture
def second(
    remote: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CheckpointManager:
    """A manager on another machine, or in another folder of this one."""
    with monkeypatch.context() as elsewhere:
        second_machine(elsewhere, tmp_path / "another machine")
        return remote.manager()


def plant_lease(remote: StorePlace, text: str | bytes) -> str:
    name = ".writer-other.json"
    remote.bucket.write(name, text if isinstance(text, bytes) else text.encode())
    return name


def foreign(**changes: Any) -> str:
    other = replace(Owner.this_process(WHEN), machine="elsewhere", host="node7", pid=99)
    return json.dumps(asdict(other) | changes)


def lease_names(remote: StorePlace) -> list[Any]:
    return [name for name in remote.bucket.names() if name.startswith(".writer-")]


def test_two_writers_refuse_each_other_wherever_they_mirror(
    remote: StorePlace, second: CheckpointManager
) -> None:
    first = remote.manager()
    with first.writer_lock() as owner:
        assert lease_names(remote) == [f".writer-{owner.token}.json"]
        for rival in (remote.manager(), second):
            with pytest.raises(CheckpointsInUse, match=f"in use by process {owner.pid} on "):
                rival.writer_lock().__enter__()
        save(first, 10)
        assert second.listing().iterations == [10]  # who reads does not ask
    assert lease_names(remote) == []
    with second.writer_lock():
        pass


def test_a_writer_on_another_machine_is_named(remote: StorePlace) -> None:
    plant_lease(remote, foreign())
    with pytest.raises(CheckpointsInUse) as caught, remote.manager().writer_lock():
        pass
    first, second = str(caught.value).splitlines()
    assert first == (
        f"{remote.shown} is in use by process 99 on node7 (since {WHEN:%Y-%m-%d %H:%M:%S})"
    )
    assert "its lease ends 15 min after its last sign of life" in second
    assert lease_names(remote) == [".writer-other.json"]


def test_a_lease_that_was_not_renewed_is_taken_over(
    remote: StorePlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plant_lease(remote, foreign())
    monkeypatch.setattr(lease, "EXPIRY_S", -1.0)
    with remote.manager().writer_lock() as owner:
        assert lease_names(remote) == [f".writer-{owner.token}.json"]
    assert "the lease of process 99 on node7" in caplog.text


@pytest.mark.slow
def test_a_dead_process_of_this_machine_holds_no_lease(remote: StorePlace, dead: str) -> None:
    plant_lease(remote, dead)
    with remote.manager().writer_lock() as owner:
        assert lease_names(remote) == [f".writer-{owner.token}.json"]


@pytest.mark.parametrize("text", [b'{"pid": 1}', pytest.param(b"\xff", marks=pytest.mark.slow)])
def test_an_unreadable_lease_is_honored_and_named(remote: StorePlace, text: bytes) -> None:
    plant_lease(remote, text)
    with (
        pytest.raises(CheckpointsInUse, match=r"\.writer-other\.json is not readable"),
        remote.manager().writer_lock(),
    ):
        pass


def test_a_writer_that_was_taken_over_stops_at_its_next_upload(
    remote: StorePlace, second: CheckpointManager
) -> None:
    manager = remote.manager()
    with manager.writer_lock() as owner:
        save(manager, 10)
        remote.bucket.delete(f".writer-{owner.token}.json")
        with second.writer_lock():
            with pytest.raises(CheckpointsInUse, match="was taken over by another writer"):
                save(manager, 20)
            assert second.listing().iterations == [10]
    assert manager.waiting() == [20]


def test_a_lease_is_renewed_until_it_is_gone(
    remote: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWAL_S", 0.02)
    renewed, gone = threading.Event(), threading.Event()
    real_write, real_entry = Client.write, Client.entry

    def write(self: Client, name: str, content: bytes) -> None:
        real_write(self, name, content)
        if threading.current_thread() is not threading.main_thread():
            renewed.set()

    def entry(self: Client, name: str) -> Entry:
        if gone.is_set():
            remote.bucket.delete(name)
        return real_entry(self, name)

    monkeypatch.setattr(Client, "write", write)
    monkeypatch.setattr(Client, "entry", entry)
    client, owner = remote.client, Owner.this_process(WHEN)
    with lease.held(client, owner):
        assert renewed.wait(30.0)
        (renewal,) = [thread for thread in threading.enumerate() if "_renew" in thread.name]
        gone.set()
        renewal.join(30.0)
        assert not renewal.is_alive()
    assert lease_names(remote) == []


@pytest.mark.slow
def test_races_have_at_most_one_winner_each(remote: StorePlace) -> None:
    """Both take the lease at the same moment, again and again."""
    client = remote.client
    inside: list[int] = []
    most: list[int] = []
    won: list[int] = []
    start = threading.Barrier(2)

    def compete() -> None:
        for _ in range(5):
            start.wait()
            try:
                with lease.held(client, Owner.this_process(WHEN)):
                    inside.append(1)
                    most.append(len(inside))
                    threading.Event().wait(0.05)
                    won.append(1)
                    inside.pop()
            except CheckpointsInUse:
                pass

    rivals = [threading.Thread(target=compete) for _ in range(2)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert set(most) == {1}
    assert len(won) >= 3
    assert list_remote(client).leases == {}


@pytest.mark.slow
def test_no_lease_is_left_where_the_store_fails_meanwhile(
    remote: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = remote.manager()

    def fail(self: Client) -> None:
        raise StoreUnavailable("cut")

    with monkeypatch.context() as broken:
        broken.setattr(Client, "objects", fail)
        with pytest.raises(StoreUnavailable, match="cut"), manager.writer_lock():
            pass
    assert lease_names(remote) == []
    with manager.writer_lock():
        pass
