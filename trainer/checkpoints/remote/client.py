"""Access to the objects below one prefix by pyarrow.fs, with retries.

Names are relative to the prefix, with slashes. Every method raises StoreUnavailable, with the URL,
if the store refused or did not answer, and FileNotFoundError if the object does not exist.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from trainer.checkpoints.errors import StoreUnavailable
from trainer.checkpoints.remote.location import Location
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.redaction import MARK

T = TypeVar("T")
S = TypeVar("S")

_CHUNK = 8 * 2**20
_AT_ONCE = 8
# What trying again does not change.
_FINAL = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "INVALID_CLIENT_TOKEN_ID",
    "UNRECOGNIZED_CLIENT",
    "EXPIRED_TOKEN",
    "HTTP status 301",
    "HTTP status 403",
    "PermissionDenied",
    "Unauthenticated",
)


@dataclass(frozen=True)
class Patience:
    """Timeouts in seconds and the number of attempts."""

    connect_s: float = 5.0
    request_s: float = 30.0
    attempts: int = 4
    pause_s: float = 0.5  # before the second attempt; doubles from then on


PATIENCE = Patience()


@dataclass(frozen=True)
class Entry:
    """An object in a list."""

    size: int
    mtime_ns: int


class Client:
    """The objects below a location."""

    def __init__(self, location: Location) -> None:
        """Contacts no store yet."""
        self.location = location

    @cached_property
    def _fs(self) -> Any:
        return self.retrying(lambda: open_filesystem(self.location, PATIENCE))

    def objects(self) -> dict[str, Entry]:
        """Every object by its name."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.location.path, recursive=True, allow_not_found=True)
        found = self.retrying(lambda: self._fs.get_file_info(selector))
        if not found:
            self._require_bucket()
        start = len(self.location.path) + 1
        return {
            info.path[start:]: Entry(info.size, info.mtime_ns)
            for info in found
            if info.type == FileType.File
        }

    def entry(self, name: str) -> Entry:
        """Size and time of one object."""
        from pyarrow.fs import FileType

        info = self.retrying(lambda: self._fs.get_file_info(self._full(name)))
        if info.type != FileType.File:
            raise FileNotFoundError(name)
        return Entry(info.size, info.mtime_ns)

    def read(self, name: str) -> bytes:
        """The content of an object."""

        def read() -> bytes:
            with self._fs.open_input_stream(self._full(name)) as stream:
                content: bytes = stream.read()
                return content

        return self.retrying(read)

    def chunks(self, name: str, sink: Callable[[bytes], Any]) -> None:
        """Passes the content of an object to a function in pieces, without retries."""
        with self._fs.open_input_stream(self._full(name)) as stream:
            while piece := stream.read(_CHUNK):
                sink(piece)

    def download(self, name: str, target: Path) -> None:
        """Downloads an object into a file, whose folder is created if absent."""
        target.parent.mkdir(parents=True, exist_ok=True)

        def download() -> None:
            with target.open("wb") as file:
                self.chunks(name, file.write)

        self.retrying(download)

    def write(self, name: str, content: bytes) -> None:
        """Replaces an object as a whole."""

        def write() -> None:
            with self._fs.open_output_stream(self._full(name)) as stream:
                stream.write(content)

        self.retrying(write)

    def upload(self, source: Path, name: str) -> None:
        """Uploads a file as an object."""

        def upload() -> None:
            with (
                source.open("rb") as file,
                self._fs.open_output_stream(self._full(name)) as stream,
            ):
                while piece := file.read(_CHUNK):
                    stream.write(piece)

        self.retrying(upload)

    def copy(self, source: str, target: str) -> None:
        """Copies an object within the store."""
        self.retrying(lambda: self._fs.copy_file(self._full(source), self._full(target)))

    def delete(self, name: str) -> None:
        """Deletes an object, if it exists."""
        self._missing_ok(lambda: self._fs.delete_file(self._full(name)))

    def delete_tree(self, name: str) -> None:
        """Deletes all objects below a name, if there are any."""
        self._missing_ok(lambda: self._fs.delete_dir(self._full(name)))

    def each(self, function: Callable[[T], S], items: Iterable[T]) -> list[S]:
        """The results of a function for all items, several in parallel; raises the first error."""
        items = list(items)
        if len(items) < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(function, items))

    def _full(self, name: str) -> str:
        return f"{self.location.path}/{name}"

    def _missing_ok(self, action: Callable[[], object]) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.retrying(action)

    def _require_bucket(self) -> None:
        from pyarrow.fs import FileType

        try:
            info = self._fs.get_file_info(self.location.bucket)
        except OSError:  # not permitted to ask
            return
        if info.type == FileType.NotFound:
            raise StoreUnavailable(
                f"{self.location.url}: there is no bucket {self.location.bucket!r}\n"
                "Make it first, or correct --checkpoint-dir; the endpoint may be another one too"
            )

    def retrying(self, action: Callable[[], T]) -> T:
        """The result of an action on the store; every operation here is retried like this."""
        attempt, pause = 1, PATIENCE.pause_s
        while True:
            try:
                return action()
            except FileNotFoundError:
                raise
            except ValueError as error:  # an option that pyarrow does not take
                raise self._unavailable(error) from error
            except OSError as error:
                if error.filename is not None:  # a file on this side
                    raise
                if attempt >= PATIENCE.attempts or any(word in str(error) for word in _FINAL):
                    raise self._unavailable(error) from error
            time.sleep(pause * random.uniform(0.75, 1.25))
            attempt, pause = attempt + 1, pause * 2

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        text = safe_json.first_line(error).partition(" (Request ID")[0]
        for key in ("access_key", "secret_key"):
            secret = self.location.options.get(key) or "\0"
            for form in (secret, quote(secret, safe=""), quote(secret)):
                text = text.replace(form, MARK)
        denied = any(word in text for word in _FINAL)
        way_on = (
            "Check the bucket's name, the region and the credentials (AWS_* variables)"
            if denied
            else "Check the network and the endpoint, then try again"
        )
        return StoreUnavailable(
            f"{self.location.url} cannot be used: {text}\n{way_on}", refused=denied
        )


def open_filesystem(location: Location, patience: Patience) -> Any:
    """The pyarrow file system of a location.

    Raises:
        ValueError: an option is not valid.
        OSError: the store refused or did not answer.
    """
    from pyarrow import fs

    options = dict(location.options)
    anonymous = options.pop("anonymous", "false").lower() in ("true", "1", "yes")
    if location.scheme == "gs":
        allowed = patience.attempts * (patience.connect_s + patience.pause_s)
        return fs.GcsFileSystem(
            anonymous=anonymous, retry_time_limit=timedelta(seconds=allowed), **options
        )
    region = options.pop("region", None) or _region(location)
    return fs.S3FileSystem(
        anonymous=anonymous,
        region=region,
        connect_timeout=patience.connect_s,
        request_timeout=patience.request_s,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),  # `retrying` does it
        allow_delayed_open=True,
        **options,
    )


def _region(location: Location) -> str | None:
    """The region from the environment, else from the store if it has no endpoint of its own."""
    from pyarrow import fs

    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if named or location.options.get("endpoint_override"):
        return named or "us-east-1"
    try:
        region: str = fs.resolve_s3_region(location.bucket)
    except OSError:
        return None
    return region
