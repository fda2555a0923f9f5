"""Records in a folder and in a real object store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.checkpoints import object_store
from tests.checkpoints.object_store import Bucket
from tests.episodes.samples import SESSION
from trainer.checkpoints.errors import StoreUnavailable
from trainer.checkpoints.remote import client
from trainer.episodes.names import RecordName
from trainer.episodes.record import MAX_BYTES
from trainer.episodes.store import RecordStore, open_records

OTHER = "ray_training_20261123_090000"
NAMES = [
    RecordName(SESSION, 1, 0),
    RecordName(SESSION, 1, 2),
    RecordName(SESSION, 2, 0),
    RecordName(OTHER, 1, 0),
]


pytestmark = pytest.mark.usefixtures("s3_keys")


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where sessions are: a folder, or a prefix of a bucket."""
    if request.param == "local":
        return str(tmp_path / "sessions")
    return object_store.url(request.getfixturevalue("s3"), tmp_path.name)


def inside(root: str, path: str) -> str:
    address, mark, options = root.partition("?")
    return f"{address}/{path}{mark}{options}"


def filled(root: str) -> RecordStore:
    store, _ = open_records(root)
    for number, name in enumerate(reversed(NAMES)):
        store.write(name.path, b"%d" % number)
    return store


def test_what_is_written_is_found_read_and_deleted(root: str) -> None:
    store = filled(root)
    assert [found.name for found in store.find()] == NAMES
    assert store.read(NAMES[0].path) == b"3"
    assert {found.size for found in store.find()} == {1}
    assert store.holds(SESSION)
    assert not store.holds("ray_training_20200101_000000")
    store.delete(NAMES[0].path)
    store.delete(NAMES[0].path)  # what is not there is no error
    assert [found.name for found in store.find()] == NAMES[1:]
    assert [*store.each(store.read, [name.path for name in NAMES[1:]])] == [b"2", b"1", b"0"]


def test_a_session_a_worker_and_a_record_are_found_alone(root: str) -> None:
    filled(root)
    for path, expected in (
        (SESSION, NAMES[:3]),
        (f"{SESSION}/worker_0", [NAMES[0], NAMES[2]]),
        (f"{SESSION}/worker_0/", [NAMES[0], NAMES[2]]),
        (NAMES[1].path, [NAMES[1]]),
        (f"{SESSION}/worker_", []),
    ):
        store, meant = open_records(inside(root, path))
        try:
            assert [found.name for found in store.find(meant)] == expected
        except FileNotFoundError:
            assert expected == []


def test_a_large_record_is_not_read(root: str) -> None:
    store, _ = open_records(root)
    store.write(NAMES[0].path, b" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="more than"):
        store.read(NAMES[0].path)


def test_other_objects_are_left_alone(s3: int, tmp_path: Path) -> None:
    store = filled(object_store.url(s3, tmp_path.name))
    bucket = Bucket(s3, tmp_path.name)
    before = bucket.names()
    store.write(RecordName(OTHER, 2, 0).path, b"x")
    assert {*bucket.names()} - {*before} == {RecordName(OTHER, 2, 0).path}


def test_links_are_not_followed(tmp_path: Path) -> None:
    store = filled(str(tmp_path / "sessions"))
    folder = tmp_path / "sessions" / SESSION
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (folder / "worker_0" / "episode_000009_checkpoint.json").symlink_to(secret)
    (folder / "worker_9").symlink_to(folder / "worker_0")
    os.mkfifo(folder / "worker_0" / "episode_000008_checkpoint.json")
    assert {found.name.worker for found in store.find()} == {0, 2}
    assert 9 not in {found.name.episode for found in store.find()}
    for number in (8, 9):  # neither read, nor waited for
        with pytest.raises((OSError, ValueError)):
            store.read(RecordName(SESSION, number, 0).path)


def test_a_store_that_does_not_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", client.Patience(2.0, 5.0, attempts=2, pause_s=0.02))
    free = object_store.free_port()
    store, _ = open_records(object_store.url(free, "x"))
    with pytest.raises(StoreUnavailable, match="s3://bucket/x"):
        store.find()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    store, _ = open_records(str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        store.find()
