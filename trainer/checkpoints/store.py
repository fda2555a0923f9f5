"""What stands behind a checkpoint folder: nothing, or an object store that it mirrors.

Everything happens in the local folder; a store is told of it. This one, for a folder that is
itself the place, has nothing to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from trainer.checkpoints import manifest
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.process_owner import Owner


class Store:
    """A local folder.

    Attributes:
        directory: where everything is, or is mirrored.
        shown: the place in messages.
    """

    is_remote = False

    def __init__(self, directory: Path, shown: str) -> None:
        self.directory, self.shown = directory, shown

    def address(self, path: Path) -> str:
        """Where a path below `directory` is for the user."""
        return str(path)

    def local(self, selector: str | int | Path) -> str | int | Path:
        """A selector with the address of something in this place turned into its path."""
        return selector

    def refresh(self) -> list[tuple[str, str]]:
        """See what others changed. Returns (name, reason) of what is not shown."""
        return []

    def fetch(self, folder: Path) -> None:
        """Have all files of a checkpoint of which only the head may be here."""

    def verify(self, folder: Path) -> None:
        """Have all files of a checkpoint, or CheckpointCorrupted."""
        manifest.verify(folder)

    def inspect(self, folder: Path) -> Manifest:
        """The same, reading where the checkpoint really is; returns its manifest."""
        return manifest.verify(folder)

    def upload(self) -> None:
        """Bring what was committed here to where it belongs."""

    def upload_file(self, name: str) -> None:
        """The same for a file beside the checkpoints, or its absence."""

    def try_writing(self) -> None:
        """See that the place behind the folder takes what is written, and lets go of it."""

    def waiting(self) -> list[int]:
        """Iterations that are committed here and not there yet."""
        return []

    def delete(self, path: Path) -> None:
        """Before a checkpoint or a side file is deleted here."""

    def renamed(self, old: Path, new: Path) -> None:
        """After a damaged checkpoint got another name."""

    def branched(self, branch: Path, iteration: int) -> None:
        """After everything later than `iteration` was moved into a branch folder."""

    @contextlib.contextmanager
    def writer(self, owner: Owner) -> Iterator[list[str]]:
        """Be the only writer there too; gives what was put in order for it."""
        yield []
