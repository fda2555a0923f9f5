"""The places where tests keep checkpoints: a local folder, or a prefix of a real S3 server."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import WHEN, contents
from tests.checkpoints.object_store import Bucket
from trainer.checkpoints import layout
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.remote.client import Client
from trainer.checkpoints.remote.location import Location, parse

OWN = ("latest.json", ".origin", layout.LOCK)  # what only one of the kinds has

everywhere = pytest.mark.parametrize("place", ["local", "s3"], indirect=True)
everywhere_slowly = pytest.mark.parametrize(
    "place", ["local", pytest.param("s3", marks=pytest.mark.slow)], indirect=True
)


class Place:
    """A place, whatever its kind.

    Attributes:
        given: what a user would give as --checkpoint-dir.
        bucket: its objects; None for a local folder.
    """

    def __init__(self, given: str, bucket: Bucket | None = None) -> None:
        self.given, self.bucket = given, bucket

    @property
    def directory(self) -> Path:
        """The folder, or the mirror that this machine has of it now."""
        return self.manager().directory

    @property
    def shown(self) -> str:
        """The place in messages."""
        return self.manager().shown

    def manager(self, keep_last_n: int = 10, **options: Any) -> CheckpointManager:
        return CheckpointManager(self.given, keep_last_n, **{"clock": clock, **options})

    def contents(self) -> dict[str, str]:
        """Name and digest of everything that is really there, the list of it not counted."""
        if self.bucket is None:
            found = contents(self.directory) if self.directory.is_dir() else {}
        else:
            read = self.bucket.read
            found = {name: hashlib.sha256(read(name)).hexdigest() for name in self.bucket.names()}
        return {name: sha for name, sha in found.items() if name not in (*OWN, layout.INDEX)}

    def names(self) -> list[str]:
        """The names that are really there, at the top."""
        if self.bucket is None:
            found = {path.name for path in self.directory.iterdir()}
        else:
            found = {name.partition("/")[0] for name in self.bucket.names()}
        return sorted(found - {*OWN})

    def read(self, name: str) -> bytes:
        return (self.directory / name).read_bytes() if not self.bucket else self.bucket.read(name)

    def change(self, name: str, content: bytes | None) -> None:
        """Sets or deletes a file where it really is, behind the back of this machine's copy."""
        if self.bucket is None:
            path = self.directory / name
            path.unlink() if content is None else path.write_bytes(content)
            return
        self.bucket.delete(name) if content is None else self.bucket.write(name, content)
        self.forget()

    def forget(self) -> None:
        """Be another machine: without a copy of anything."""
        if self.bucket is not None:
            shutil.rmtree(self.directory, ignore_errors=True)


class StorePlace(Place):
    """A prefix in the S3 server.

    Attributes:
        bucket: its objects.
    """

    bucket: Bucket

    def __init__(self, given: str, bucket: Bucket) -> None:
        super().__init__(given, bucket)

    @property
    def client(self) -> Client:
        """A client of its own, as another process would have."""
        location = parse(self.given)
        assert isinstance(location, Location)
        return Client(location)


def clock() -> datetime:
    return WHEN


def second_machine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on managers mirror into another folder."""
    monkeypatch.setitem(os.environ, "CHECKPOINT_CACHE", str(folder))
