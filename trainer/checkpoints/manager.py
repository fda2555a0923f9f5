"""Changes the checkpoints of one directory or bucket: saves, prunes, pins, names and moves them.

`staging` describes how a checkpoint is committed, `remote.push` how it gets into an object store.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from trainer.checkpoints import (
    atomic,
    branches,
    in_use,
    labels,
    layout,
    locks,
    pins,
    pruning,
    quarantine,
    selectors,
)
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.metadata import complete
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.quarantine import Quarantined
from trainer.checkpoints.reader import CheckpointReader
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.selectors import Selector
from trainer.checkpoints.staging import Source, StagedCheckpoint, Writer

logger = logging.getLogger(__name__)


class CheckpointManager(CheckpointReader):
    """Saves, finds, verifies and prunes the checkpoints of one directory or bucket.

    A save keeps the last `keep_last_n`, the best (see `ranking`), the pinned and named ones, and
    those that a living run builds on. Attributes and the reading methods: see `CheckpointReader`.
    """

    def __init__(
        self,
        checkpoint_dir: str | os.PathLike[str] = "./checkpoints",
        keep_last_n: int = 10,
        *,
        retention: Retention | None = None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        """Opens a directory; nothing is written and no store is contacted.

        Args:
            checkpoint_dir: a path, which need not exist, or a file://, s3:// or gs:// URL.
            keep_last_n: number of newest checkpoints to keep; 0 = all.
            retention: the whole retention rule, in place of `keep_last_n`.
            clock: the local time.

        Raises:
            ValueError: `keep_last_n` is negative, or the URL is not understood.
        """
        super().__init__(checkpoint_dir, retention=retention or Retention(last_n=keep_last_n))
        self._clock = clock
        self._held: locks.Held | None = None

    def stage(
        self,
        source: Source,
        *,
        iteration: int,
        metadata: Mapping[str, Any] | None = None,
        writers: Mapping[str, Writer] | None = None,
        tags: Sequence[str] = (),
    ) -> StagedCheckpoint:
        """Writes all parts of a checkpoint into a temporary folder: neither durable nor visible.

        Later changes of `source` do not affect it. `StagedCheckpoint.commit` turns it into a
        checkpoint, also from another thread. Earlier checkpoints stay as they are.

        Args:
            source: writes itself by `save_to_path`, as RLlib's algorithms do.
            iteration: number of the checkpoint; each exists once.
            metadata: what lists show; None: nothing. A value JSON cannot hold is a TypeError.
            writers: further parts by relative name; each gets the path (file or folder) to create.
            tags: such as "final".

        Raises:
            CheckpointExists: there is a checkpoint of this iteration.
            CheckpointWriteFailed: the disk refused.
            CheckpointError: the name of a part is taken.
        """
        final = self.directory / layout.checkpoint_name(iteration)
        document = complete(
            metadata or {},
            iteration=iteration,
            path=self.address(final),
            tags=tags,
            when=self._clock(),
            best_by=self.retention.best_by,
        )
        after = partial(self._after_commit, iteration)
        staged = StagedCheckpoint(final, self.shown, after, self._check_lock)
        staged.write(source, writers or {}, document)
        return staged

    def save(
        self,
        source: Source,
        *,
        iteration: int,
        metadata: Mapping[str, Any] | None = None,
        writers: Mapping[str, Writer] | None = None,
        tags: Sequence[str] = (),
    ) -> Path:
        """Commits a checkpoint, uploads it if the directory is a URL, then prunes.

        Args: see `stage`.

        Returns:
            The folder of the checkpoint.

        Raises:
            CheckpointExists, CheckpointWriteFailed: see `stage`; nothing is left of it.
            CheckpointError: a required part is missing, or a weight is not finite.
            UploadFailed: it is committed on this machine only; the next save uploads it too.
        """
        return self.stage(
            source, iteration=iteration, metadata=metadata, writers=writers, tags=tags
        ).commit()

    def upload(self) -> None:
        """Uploads what waits: checkpoints, plots and histories. Nothing happens for a folder.

        Raises:
            UploadFailed: the store refused or did not answer.
        """
        self._store.upload()

    def try_writing(self) -> None:
        """Writes an object to the store and deletes it. Nothing happens for a folder.

        Raises:
            StoreUnavailable: the store refused or did not answer.
        """
        self._store.try_writing()

    def waiting(self) -> list[int]:
        """The iterations that are committed on this machine and not yet in the object store."""
        return self._store.waiting()

    def quarantine(self, damaged: Iterable[Path]) -> list[Quarantined]:
        """Renames those checkpoints of this directory that are still damaged; for its writer."""
        here = [path for path in damaged if path.parent == self.directory]
        return quarantine.move_damaged(here, self._store, self._clock())

    def prune(self, dry_run: bool = False) -> list[Path]:
        """Deletes what `retention` does not keep, with its plots and histories.

        Returns:
            Every deleted path, oldest first; with `dry_run`, what would be deleted.

        Raises:
            SidecarUnreadable: pins.json or labels.json is broken, so nothing is deleted.
            OSError: something cannot be deleted.
        """
        self._store.refresh()
        if not self.directory.is_dir():
            return []
        return pruning.prune(self._store, self.retention, dry_run=dry_run)

    def pin(self, selector: Selector) -> Path:
        """Keeps a checkpoint of this directory whatever the retention says. Returns its folder.

        Raises:
            NoUsableCheckpoint: it is not in this directory.
            SidecarUnreadable: pins.json is broken.
            OSError: pins.json cannot be written.
        """
        return self._annotate(selector, layout.PINS, partial(pins.add, self.directory))

    def unpin(self, selector: Selector) -> Path:
        """Removes a pin; errors as for `pin`."""
        return self._annotate(
            selector, layout.PINS, lambda i: pins.PINS.remove(self.directory, [i])
        )

    def label(
        self, selector: Selector, name: str, note: str | None = None, *, move: bool = False
    ) -> Path:
        """Gives a checkpoint a name, which selects it and keeps it like a pin.

        Without a `note` it keeps the one it has. Returns its folder; errors as for `pin`.

        Raises:
            ValueError: the name is not allowed, or is another checkpoint's and not to `move`.
        """
        give = partial(labels.give, self.directory, name=name, note=note, move=move)
        return self._annotate(selector, layout.LABELS, give)

    def unlabel(self, selector: Selector) -> Path:
        """Removes name and note; errors as for `pin`."""
        return self._annotate(
            selector, layout.LABELS, lambda i: labels.LABELS.remove(self.directory, [i])
        )

    def pinned(self) -> frozenset[int]:
        """The pinned iterations.

        Raises:
            SidecarUnreadable: pins.json is broken.
        """
        self._store.refresh()
        return frozenset(pins.PINS.read(self.directory))

    @contextlib.contextmanager
    def writer_lock(self) -> Iterator[Owner]:
        """Is the only writer of this directory, which is created if absent, within the context.

        Readers need no lock. In an object store this also finishes or removes what dead writers
        left; `remote.lease` says what it guarantees there.

        Raises:
            CheckpointsInUse: another process writes there; the message names it.
        """
        own = locks.writer_lock(self.directory, self._clock(), self.address(self.directory))
        with own as held, self._store.writer(held.owner) as done:
            atomic.remove_stale(self.directory)
            for line in done:
                logger.warning("%s: %s", self.shown, line)
            self._held = held
            try:
                yield held.owner
            finally:
                self._held = None

    def check_free(self) -> None:
        """Checks that no process of this machine is known to write here.

        Raises:
            CheckpointsInUse: one does; the message names it.
        """
        locks.check_free(self.directory, self.address(self.directory))

    def protect(self, path: str | os.PathLike[str]) -> contextlib.AbstractContextManager[None]:
        """Keeps any process from pruning a checkpoint, here or elsewhere, within the context.

        Of one in an object store the copy on this machine is kept.

        Raises:
            NoUsableCheckpoint: it does not exist (any more).
        """
        return in_use.protect(selectors.typed_path(path), self._clock())

    def set_aside_newer(self, iteration: int) -> Path | None:
        """Moves everything after `iteration` into a branch folder, which can be listed itself.

        For training that continues from an older checkpoint. Returns the branch folder; None if
        nothing is newer.
        """
        self._store.refresh()
        branch = branches.set_aside_newer(self.directory, iteration, self._clock())
        if branch is not None:
            branches.take_sidecars(self.directory, branch, iteration)
            self._store.branched(branch, iteration)
        return branch

    def _after_commit(self, iteration: int) -> None:
        """Upload, index and retention; trouble with the latter two is only logged."""
        self._store.upload()
        try:
            pruning.prune(self._store, self.retention, (iteration,))
        except (OSError, CheckpointError) as error:
            logger.warning("checkpoint %d is saved, but cleaning up failed: %s", iteration, error)

    def _check_lock(self) -> None:
        if self._held is not None:
            self._held.check()

    def _annotate(self, selector: Selector, file: str, change: Callable[[int], bool]) -> Path:
        folder = self.find(selector)
        if change(selectors.iteration_inside(folder, self.directory, self.shown)):
            self._store.upload_file(file)
        return folder
