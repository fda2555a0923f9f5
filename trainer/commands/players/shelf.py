"""A place of checkpoints that players come from. Imports neither torch nor numpy."""

from __future__ import annotations

from pathlib import Path

from trainer.checkpoints import selectors
from trainer.checkpoints.index import Listing
from trainer.checkpoints.open_store import is_url, split_url
from trainer.commands.checkpoint_tools.open_manager import open_manager
from trainer.errors import UsageError
from trainer.project import SHIPPED, configured_checkpoint_dir


class Shelf:
    """A folder of checkpoints, or a place in an object store, read only."""

    def __init__(self, directory: str | None) -> None:
        """`directory` as the user wrote it; None: where the configuration says that training saves.

        Raises:
            UsageError: it is a file, or a URL that is not understood.
            NoUsableCheckpoint: a given folder does not exist.
            StoreUnavailable: the object store does not answer.
        """
        self._manager = open_manager(directory or configured_checkpoint_dir())
        self.shown, self.directory = self._manager.shown, self._manager.directory
        self.listing = Listing(())
        try:
            self.listing = self._manager.listing(must_exist=True)
        except FileNotFoundError:
            if directory is not None:
                raise selectors.none_found(self.shown, self.directory) from None
        except NotADirectoryError:
            raise UsageError(f"--checkpoint-dir {self.shown} is a file, not a directory") from None

    def find(self, selector: str) -> Path:
        """The verified checkpoint that a selector stands for.

        Raises:
            NoUsableCheckpoint, CheckpointCorrupted, StoreUnavailable: saying what there is instead.
        """
        return self._manager.open(selector, verify=True)

    def address(self, checkpoint: Path) -> str:
        """Where a checkpoint of this shelf is for the user."""
        return self._manager.address(checkpoint)


def shipped_checkpoint() -> Path:
    """The verified checkpoint that comes with the project."""
    return Shelf(str(SHIPPED)).find("latest")


def home_of(selector: str | None, checkpoint: Path) -> str:
    """The folder, or the URL, of what lies beside a checkpoint that a selector stood for."""
    if selector is not None and is_url(selector):
        return split_url(selector)[0]
    return str(checkpoint.parent)
