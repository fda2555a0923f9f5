"""The storage backend of a checkpoint folder: local only, or mirrored to an object store.

Every change happens in the local folder first; the store then follows it. `Store` is the local
folder itself and has nothing to follow; `remote.object_store.ObjectStore` does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from trainer.checkpoints import manifest
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.remote.location import address_of


class Store:
    """A local folder.

    Attributes:
        directory: the local folder, for an object store its mirror.
        shown: the path or URL in messages.
    """

    is_remote = False

    def __init__(self, directory: Path, shown: str) -> None:
        self.directory, self.shown = directory, shown

    def address(self, path: Path) -> str:
        """The address of a path for the user: a path, or a URL if it is in an object store."""
        return address_of(path)  # of another place, as a checkpoint that is resumed from there

    def local(self, selector: str | int | Path) -> str | int | Path:
        """A selector; the URL of something in this store becomes its local path."""
        return selector

    def refresh(self) -> list[tuple[str, str]]:
        """Takes over what others changed. Returns (name, reason) of what is hidden."""
        return []

    def fetch(self, folder: Path) -> bool:
        """Downloads, and so verifies, a checkpoint whose files are not here. Returns whether."""
        return False

    def verify(self, folder: Path) -> None:
        """Downloads as `fetch` does, and verifies every file on this machine.

        Raises:
            CheckpointCorrupted: a file is not what the manifest says.
        """
        manifest.verify(folder)

    def inspect(self, folder: Path) -> Manifest:
        """The manifest of a checkpoint, after verifying the original, not a local copy.

        Raises:
            CheckpointCorrupted: a file is not what the manifest says.
        """
        return manifest.verify(folder)

    def upload(self) -> None:
        """Uploads what was committed on this machine.

        Raises:
            UploadFailed: the store refused or did not answer.
        """

    def upload_file(self, name: str) -> None:
        """Uploads a file that lies beside the checkpoints, or deletes it if it is absent here."""

    def try_writing(self) -> None:
        """Writes an object and deletes it, to see that both are allowed."""

    def waiting(self) -> list[int]:
        """The iterations that are committed on this machine and not yet in the store."""
        return []

    def delete(self, path: Path) -> None:
        """Deletes a checkpoint or a side file in the store, before it is deleted here."""

    def renamed(self, old: Path, new: Path) -> None:
        """Renames a checkpoint in the store, after it was quarantined here."""

    def branched(self, branch: Path, iteration: int) -> None:
        """Moves what is later than `iteration` in the store, after it was moved here."""

    @contextlib.contextmanager
    def writer(self, owner: Owner) -> Iterator[list[str]]:
        """Is the only writer in the store within the context. Yields what it repaired, as lines."""
        yield []
