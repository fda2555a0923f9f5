"""Finds, lists and verifies the checkpoints of one directory or bucket; changes nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer.checkpoints import index, quarantine, ranking, selectors
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.index import Listing
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.open_store import is_url, open_store, split_url
from trainer.checkpoints.quarantine import Damaged
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.selectors import Selector


class CheckpointReader:
    """The checkpoints of one directory, or of one prefix in an object store.

    Each call sees what is there now. Every method that asks an object store may raise
    StoreUnavailable.

    Attributes:
        directory: the local folder of the checkpoints; of an object store, its mirror.
        shown: the directory or URL in messages, without options and credentials.
        retention: says which checkpoint is the best.
    """

    def __init__(
        self,
        checkpoint_dir: str | os.PathLike[str] = "./checkpoints",
        *,
        retention: Retention | None = None,
    ) -> None:
        """Opens a directory; nothing is written and no store is contacted.

        Args:
            checkpoint_dir: a path, which need not exist, or a file://, s3:// or gs:// URL.
            retention: says which checkpoint is the best; None: what the run's own says.

        Raises:
            ValueError: the URL is not understood.
        """
        self._store = open_store(checkpoint_dir)
        self.directory, self.shown = self._store.directory, self._store.shown
        self.retention = Retention() if retention is None else retention

    @property
    def is_remote(self) -> bool:
        """Whether the checkpoints are in an object store."""
        return self._store.is_remote

    def address(self, path: Path) -> str:
        """Where a path is for the user: a URL if it is in an object store."""
        return self._store.address(path)

    def list_checkpoints(self) -> list[dict[str, Any]]:
        """The metadata of each committed checkpoint, by iteration; unknown rewards are nan."""
        return [self.as_dict(info) for info in self.listing().checkpoints]

    def as_dict(self, info: CheckpointInfo) -> dict[str, Any]:
        """The metadata of a listed checkpoint, with its address as `checkpoint_path`."""
        return info.as_dict(self.address(self.directory / info.name))

    def listing(self, *, must_exist: bool = False) -> Listing:
        """The committed checkpoints and what was skipped; an absent folder holds none.

        Raises:
            FileNotFoundError: with `must_exist`, the local folder is absent.
            OSError: it cannot be read.
        """
        hidden = self._store.refresh()
        try:
            found = index.load(self.directory)
        except FileNotFoundError:
            if must_exist and not self.is_remote:
                raise
            found = Listing(())
        return Listing(found.checkpoints, (*found.skipped, *hidden))

    def get_latest_checkpoint(self) -> str | None:
        """Path of the checkpoint with the highest iteration; None if there is none."""
        return self._path_of(self.listing().latest)

    def get_checkpoint_by_iteration(self, iteration: int) -> str | None:
        """Path of the checkpoint of one iteration; None if there is none."""
        return self._path_of(self.listing().get(iteration))

    def get_best_checkpoint(self, metric: str | None = None, mode: str | None = None) -> str | None:
        """Path of the checkpoint with the highest ("min": lowest) metric, the newest of equals.

        Without a metric `retention` says what counts, else `ranking`. None if no checkpoint has it.

        Raises:
            ValueError: there is no such metric or mode.
        """
        found = self.listing().checkpoints
        if metric is None:
            own = self.retention
            by = replace(own, best_mode=mode or own.best_mode).goes_by(found)
        else:
            by = ranking.best_by(found, metric, mode)
        best = ranking.best(found, by)
        return self._path_of(best)

    def find(self, selector: Selector) -> Path:
        """The folder of a checkpoint.

        Of one in an object store it may hold only the manifest and the metadata: see `open`.

        Args:
            selector: "latest", "best", "final", an iteration, a name, a path or a URL.

        Raises:
            NoUsableCheckpoint: there is none; the message names what exists.
        """
        home, inside = self._home_of(selector)
        if home is not self:
            return home.open(inside)
        best_by = self.retention.best_by
        return selectors.find(inside, self.listing(), self.directory, self.shown, best_by)

    def open(self, selector: Selector, *, verify: bool = False) -> Path:
        """The folder of a checkpoint with all its files on this machine.

        Args:
            selector: see `find`.
            verify: compare every file with the manifest; a download always does.

        Raises:
            NoUsableCheckpoint: there is none; the message names what exists.
            CheckpointCorrupted: a file is not what the manifest says.
        """
        folder = self.find(selector)
        (self._store.verify if verify else self._store.fetch)(folder)
        return folder

    def open_or_older(self, selector: Selector) -> tuple[Path, list[Damaged]]:
        """The verified folder of a checkpoint, or of the newest valid older one.

        Nothing is changed; `quarantine` moves the damaged ones away.

        Returns:
            The folder, and the damaged checkpoints that were skipped.

        Raises:
            NoUsableCheckpoint: nothing matches, or nothing valid is left.
        """
        home, inside = self._home_of(selector)
        if str(inside).strip() == selectors.BEST:
            inside = home.find(inside)
        else:
            home._store.refresh()
        return quarantine.open_or_older(inside, home._store)

    def verify(self, path: str | os.PathLike[str]) -> Manifest:
        """Compares every file of a checkpoint with its manifest; nothing is loaded.

        Of one in an object store the objects are read, not the local copies.

        Raises:
            NoUsableCheckpoint: there is no such folder.
            CheckpointCorrupted: `problems` has every difference.
        """
        folder = selectors.typed_path(path)
        if not folder.is_dir():
            raise NoUsableCheckpoint(f"no such checkpoint folder: {folder}")
        return self._store.inspect(folder)

    def _home_of(self, selector: Selector) -> tuple[CheckpointReader, Selector]:
        """The reader of the directory that a selector lies in, and the selector inside it."""
        inside = self._store.local(selector)
        if not is_url(inside):
            return self, inside
        folder, name = split_url(str(inside))
        return CheckpointReader(folder), name

    def _path_of(self, info: CheckpointInfo | None) -> str | None:
        if info is None:
            return None
        self._store.fetch(self.directory / info.name)
        return str(self.directory / info.name)
