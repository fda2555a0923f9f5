"""An object store behind a local folder that mirrors it.

The store is the truth: each `refresh` shows what others added or deleted. The folder holds the
heads of all checkpoints, the files of those that were opened, and what waits for upload.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from trainer.checkpoints import atomic, index, layout, manifest
from trainer.checkpoints.errors import (
    CheckpointCorrupted,
    CheckpointsInUse,
    NoUsableCheckpoint,
    StoreUnavailable,
    UploadFailed,
)
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.remote import lease, mirror, push, rename
from trainer.checkpoints.remote.client import Client
from trainer.checkpoints.remote.listing import POINTER, RemoteListing, list_remote
from trainer.checkpoints.remote.location import Location, is_url, parse, remember
from trainer.checkpoints.remote.pull import pull
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.store import Store

logger = logging.getLogger(__name__)


class ObjectStore(Store):
    """A prefix in an object store; every method may raise StoreUnavailable."""

    is_remote = True

    def __init__(self, location: Location) -> None:
        """Contacts nobody."""
        super().__init__(location.mirror, location.url)
        self.location, self.client = location, Client(location)
        self._lease: str | None = None
        self._index_sent = b""

    def address(self, path: Path) -> str:
        name = self._name(path)
        return super().address(path) if name is None else f"{self.shown}/{name}".removesuffix("/.")

    def local(self, selector: str | int | Path) -> str | int | Path:
        if not isinstance(selector, str) or not is_url(selector):
            return selector
        try:
            meant = parse(selector)
        except ValueError as error:
            raise NoUsableCheckpoint(f"no such checkpoint: {error}") from None
        assert isinstance(meant, Location)
        inside = f"{meant.scheme}://{meant.path}".startswith(f"{self.shown}/")
        return self.directory / meant.path[len(self.location.path) + 1 :] if inside else selector

    def refresh(self) -> list[tuple[str, str]]:
        # The marks first: what another process uploads meanwhile would look deleted.
        before = mirror.stored(self.directory)
        found = list_remote(self.client)
        pull(self.client, self.directory, before, found)
        remember(self.location)
        here = mirror.committed(self.directory)
        why = f"uploaded, but not verified by its writer ({POINTER} names {found.latest})"
        return [(name, why) for name in found.unverified if name not in here]

    def fetch(self, folder: Path) -> bool:
        if not self._is_stored(folder):
            return False
        try:
            if not mirror.absent(folder, manifest.read(folder)):
                return False
        except (CheckpointCorrupted, FileNotFoundError):
            pass  # a new copy may be better
        self._download(folder)
        return True

    def verify(self, folder: Path) -> None:
        if self.fetch(folder):
            return  # verified on the way
        try:
            manifest.verify(folder)
        except CheckpointCorrupted:
            if not self._is_stored(folder):
                raise
            self._download(folder)  # the copy went bad, not the checkpoint

    def inspect(self, folder: Path) -> Manifest:
        name = self._name(folder)
        if name is None or not self._is_stored(folder):
            return manifest.verify(folder)
        wanted = self._readdressed(folder, folder)
        problems = [
            f"{item}: {text}" for item, text in push.differences(self.client, name, wanted).items()
        ]
        if problems:
            raise CheckpointCorrupted(folder, problems, self.address(folder))
        return wanted

    def upload(self) -> None:
        try:
            remember(self.location)
            before = mirror.stored(self.directory)
            found = list_remote(self.client)
            self._require_lease(found)
            pull(self.client, self.directory, before, found)
            for name in mirror.waiting(self.directory):
                try:
                    push.push_checkpoint(self.client, self.directory, name, found)
                except CheckpointCorrupted as error:  # it must not hold up the others
                    logger.warning("%s is not uploaded: %s", name, "; ".join(error.problems))
            there = {*found.manifests, *mirror.stored(self.directory)}
            push.push_side_files(self.client, self.directory, found, there)
            self._upload_index()
        except (StoreUnavailable, OSError) as error:  # OSError: the disk of the mirror
            reason = str(error).splitlines()[0]
            raise UploadFailed(self.shown, self.waiting(), reason, self.directory) from error

    def upload_file(self, name: str) -> None:
        path = self.directory / name
        if name == layout.INDEX:
            self._upload_index()
        elif path.is_file():
            self.client.upload(path, name)
        else:
            self.client.delete(name)

    def try_writing(self) -> None:
        name = f".probe-{uuid.uuid4().hex}"
        self.client.write(name, b"written to see whether it can be; it can be deleted\n")
        self.client.delete(name)

    def waiting(self) -> list[int]:
        names = mirror.waiting(self.directory)
        found = (layout.iteration_of(name.rpartition("/")[2]) for name in names)
        return [iteration for iteration in found if iteration is not None]

    def delete(self, path: Path) -> None:
        name = self._name(path)
        iteration = layout.iteration_of(path.name)
        if name is None:
            return
        if iteration is None:
            self.client.delete(name)
            return
        for side_file in (layout.plot_name(iteration), layout.history_name(iteration)):
            self.client.delete(side_file)
        rename.delete_checkpoint(self.client, name)

    def renamed(self, old: Path, new: Path) -> None:
        source, target = self._name(old), self._name(new)
        if source is not None and target is not None and self._is_stored(new):
            rename.rename_checkpoint(self.client, source, target, list_remote(self.client))
            rename.repoint(self.client)

    def branched(self, branch: Path, iteration: int) -> None:
        rename.rename_newer(self.client, iteration, branch.name)
        for name in layout.SIDECARS:
            self.upload_file(name)
            self.upload_file(f"{branch.name}/{name}")
        self.upload()

    @contextlib.contextmanager
    def writer(self, owner: Owner) -> Iterator[list[str]]:
        with lease.held(self.client, owner) as name:
            self._lease = name
            try:
                yield self._recover()
            finally:
                self._lease = None

    def _recover(self) -> list[str]:
        """Finishes or removes what dead writers left. Returns what was done."""
        done = [
            f"finishing the upload of {name}, which was committed here"
            for name in mirror.waiting(self.directory)
        ]
        done += rename.clear_unfinished(self.client, keep=mirror.waiting(self.directory))
        self.upload()
        done += rename.publish_unverified(self.client)
        self.refresh()
        return done

    def _require_lease(self, found: RemoteListing) -> None:
        if self._lease is not None and self._lease not in found.leases and found.leases:
            raise CheckpointsInUse(
                f"{self.shown} was taken over by another writer, as this one did not answer for "
                f"long\nWhat was not uploaded is kept in {self.directory}"
            )

    def _upload_index(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            index.update(self.directory)
            text = safe_json.read_bytes(self.directory / layout.INDEX)
            if text != self._index_sent:
                self.client.write(layout.INDEX, text)
                self._index_sent = text

    def _download(self, folder: Path) -> None:
        """Downloads all files of a checkpoint, verified before the first one is moved in place."""
        name = self._name(folder)
        temporary = atomic.temporary_sibling(folder)
        temporary.mkdir(parents=True)
        try:
            self.client.download(f"{name}/{layout.MANIFEST}", temporary / layout.MANIFEST)
            wanted = self._readdressed(temporary, folder)

            def bring(item: str) -> None:
                with contextlib.suppress(FileNotFoundError):  # the check reports it
                    self.client.download(f"{name}/{item}", temporary / item)

            self.client.each(bring, wanted.files)
            self._readdressed(temporary, folder, whole=True)
            for item in (*wanted.files, layout.MANIFEST):
                (folder / item).parent.mkdir(parents=True, exist_ok=True)
                os.replace(temporary / item, folder / item)  # noqa: PTH105
        except FileNotFoundError:
            raise NoUsableCheckpoint(f"{self.address(folder)} was deleted just now") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._fetch_side_files(folder)

    def _fetch_side_files(self, folder: Path) -> None:
        iteration = layout.iteration_of(folder.name) or 0
        for name in (layout.plot_name(iteration), layout.history_name(iteration)):
            path = folder.with_name(name)
            if path.exists():
                continue
            with contextlib.suppress(FileNotFoundError), atomic.replacing(path) as temporary:
                self.client.download(str(self._name(path)), temporary)

    def _readdressed(self, folder: Path, shown: Path, *, whole: bool = False) -> Manifest:
        """The manifest of a folder, with `whole` after checking all files; errors name the URL."""
        try:
            return manifest.verify(folder) if whole else manifest.read(folder)
        except CheckpointCorrupted as error:
            raise CheckpointCorrupted(shown, error.problems, self.address(shown)) from None

    def _is_stored(self, folder: Path) -> bool:
        return self._name(folder) is not None and mirror.read_mark(folder) is not None

    def _name(self, path: Path) -> str | None:
        """The name in the store of a path below the folder."""
        try:
            return path.relative_to(self.directory).as_posix()
        except ValueError:
            return None
