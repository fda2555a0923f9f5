"""Where session records are: a folder, or a prefix of a bucket (s3://, gs://)."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from trainer.checkpoints import atomic
from trainer.checkpoints.errors import StoreUnavailable
from trainer.checkpoints.remote import location
from trainer.checkpoints.remote.client import Client, Entry
from trainer.checkpoints.remote.location import Location
from trainer.checkpoints.safe_io import safe_json
from trainer.episodes.names import RecordName, is_session
from trainer.episodes.record import MAX_BYTES

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Found:
    """A record in a store.

    Attributes:
        name: which it is.
        size: in bytes.
        time: when it was written, in seconds since 1970.
    """

    name: RecordName
    size: int
    time: float


class RecordStore(ABC):
    """The folder of all sessions.

    Attributes:
        shown: the place for messages.
    """

    shown: str

    @abstractmethod
    def find(self, inside: str = "") -> list[Found]:
        """All records, newest last; `inside`: only those below that relative path.

        Raises:
            StoreUnavailable: the object store refused or did not answer.
            FileNotFoundError: there is no such folder.
        """

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The content of a record, by its relative path.

        Raises:
            StoreUnavailable, OSError: it is not there, or cannot be read.
            ValueError: it is no plain file, or of more than `MAX_BYTES`.
        """

    @abstractmethod
    def write(self, path: str, content: bytes) -> None:
        """Writes a record as a whole or not at all.

        Raises:
            StoreUnavailable, OSError: it cannot be written.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Deletes a record, if it is there."""

    @abstractmethod
    def holds(self, session: str) -> bool:
        """Whether a session has begun there."""

    def each(self, function: Callable[[T], S], items: Iterable[T]) -> Iterable[S]:
        """The results of a function for all items, in order."""
        return map(function, items)

    def address(self, path: str) -> str:
        """A record for messages."""
        return f"{self.shown.rstrip('/')}/{path}"


class LocalRecords(RecordStore):
    """A folder on this machine. Links in it are not followed."""

    def __init__(self, folder: Path, shown: str) -> None:
        self._folder, self.shown = folder, shown

    def find(self, inside: str = "") -> list[Found]:
        if not self._folder.joinpath(inside).exists():
            raise FileNotFoundError(f"there is no folder {self.address(inside).rstrip('/')}")
        found = []
        for session in _folders(self._folder):
            for worker in _folders(self._folder / session):
                below = f"{session}/{worker}"
                if _related(below, inside):
                    found += self._records(below, inside)
        return sorted(found, key=lambda one: one.name)

    def _records(self, below: str, inside: str) -> list[Found]:
        found = []
        with contextlib.suppress(OSError), os.scandir(self._folder / below) as entries:
            for entry in entries:
                name = RecordName.of(f"{below}/{entry.name}")
                with contextlib.suppress(OSError):
                    if name and _related(name.path, inside) and not entry.is_symlink():
                        about = entry.stat(follow_symlinks=False)
                        found.append(Found(name, about.st_size, about.st_mtime))
        return found

    def read(self, path: str) -> bytes:
        return safe_json.read_bytes(self._folder / path, MAX_BYTES)

    def write(self, path: str, content: bytes) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(target) as temporary:
            temporary.write_bytes(content)

    def delete(self, path: str) -> None:
        self._folder.joinpath(path).unlink(missing_ok=True)

    def holds(self, session: str) -> bool:
        return os.path.lexists(self._folder / session)


class RemoteRecords(RecordStore):
    """A prefix of a bucket."""

    def __init__(self, place: Location) -> None:
        """Contacts nobody."""
        self._place, self.shown = place, place.url
        self._client = Client(place)

    def find(self, inside: str = "") -> list[Found]:
        found = [
            Found(name, entry.size, entry.mtime_ns / 1e9)
            for path, entry in self._below(_folder_of(inside)).items()
            if (name := RecordName.of(path)) and _related(path, inside)
        ]
        return sorted(found, key=lambda one: one.name)

    def read(self, path: str) -> bytes:
        if self._client.entry(path).size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        return self._client.read(path)

    def write(self, path: str, content: bytes) -> None:
        self._client.write(path, content)

    def delete(self, path: str) -> None:
        self._client.delete(path)

    def holds(self, session: str) -> bool:
        return bool(self._below(session))

    def each(self, function: Callable[[T], S], items: Iterable[T]) -> Iterable[S]:
        return self._client.each(function, items)

    def _below(self, inside: str) -> dict[str, Entry]:
        """The objects below a relative path; a whole bucket is not listed for one session."""
        if not inside:
            return self._client.objects()
        prefix = f"{self._place.prefix}/{inside}".strip("/")
        found = Client(replace(self._place, prefix=prefix)).objects()
        return {f"{inside}/{path}": entry for path, entry in found.items()}


def open_records(text: str) -> tuple[RecordStore, str]:
    """The store that a text names, and what in it is meant: a relative path, or "" for all.

    The text is the folder of all sessions, a session, a worker's folder in one, or a record.

    Raises:
        ValueError: the URL has an unknown scheme or option.
    """
    address, mark, options = text.partition("?") if location.is_url(text) else (text, "", "")
    parts = address.rstrip("/").split("/")
    places = [at for at, part in enumerate(parts) if is_session(part)]
    root, inside = address, ""
    if places:
        root, inside = "/".join(parts[: places[-1]]), "/".join(parts[places[-1] :])
        if not root:
            root = "/" if address.startswith("/") else "."
    place = location.parse(f"{root}{mark}{options}")
    if isinstance(place, Path):
        return LocalRecords(place, root), inside
    return RemoteRecords(place), inside


def unreachable(error: Exception) -> str:
    """Why a store cannot be used, in one line."""
    if isinstance(error, StoreUnavailable):
        return str(error).splitlines()[0]
    return safe_json.first_line(error)


def _folders(folder: Path) -> list[str]:
    """The folders in a folder, links left out; none if it cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _folder_of(inside: str) -> str:
    """The folder that holds what is meant."""
    return str(PurePosixPath(inside).parent) if inside.endswith(".json") else inside


def _related(path: str, inside: str) -> bool:
    """Whether one of two relative paths leads to the other."""
    one, other = PurePosixPath(path), PurePosixPath(inside)
    return one.is_relative_to(other) or other.is_relative_to(one)
