"""Saving, finding, checking and thinning out the checkpoints of one place.

How a checkpoint comes into being: see `staging`; how it gets into an object store: `remote.upload`.
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
    index,
    labels,
    layout,
    locks,
    pins,
    pruning,
    quarantine,
    selectors,
)
from trainer.checkpoints.errors import CheckpointError, NoUsableCheckpoint
from trainer.checkpoints.index import Listing
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.metadata import complete
from trainer.checkpoints.open_store import is_url, open_backing, split_url
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.quarantine import Damaged, SetAside
from trainer.checkpoints.records import CheckpointInfo
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.staging import Source, StagedCheckpoint, Writer
from trainer.checkpoints.store import Backing

logger = logging.getLogger(__name__)


class CheckpointManager:
    """The checkpoints in `checkpoint_dir`, of which a save keeps the last `keep_last_n` (0 = all).

    Kept besides are the best (see `ranking`), the pinned, and what living runs build on;
    `retention` says more than a number can, and then `keep_last_n` does not count. The folder need
    not exist; `~`, spaces and relative paths are fine, and so are file://, s3://bucket/prefix and
    gs://. ValueError if `keep_last_n` is negative or the URL is not understood. Whoever reads sees
    what an object store has now; StoreUnavailable if it cannot be asked.

    Attributes:
        directory: the local folder of the checkpoints, for an object store its mirror.
        shown: the place in messages, for a URL without options and credentials.
        retention: what is kept.
    """

    def __init__(
        self,
        checkpoint_dir: str | os.PathLike[str] = "./checkpoints",
        keep_last_n: int = 10,
        *,
        retention: Retention | None = None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._backing = open_backing(checkpoint_dir)
        self.directory, self.shown = self._backing.directory, self._backing.shown
        self.retention = Retention(last_n=keep_last_n) if retention is None else retention
        self._clock = clock
        self._held: locks.Held | None = None

    @property
    def is_remote(self) -> bool:
        """Whether the checkpoints are in an object store."""
        return self._backing.is_remote

    def address(self, path: Path) -> str:
        """Where a path below `directory` is for the user: a URL if it is in an object store."""
        return self._backing.address(path)

    def stage(
        self,
        source: Source,
        *,
        iteration: int,
        metadata: Mapping[str, Any],
        writers: Mapping[str, Writer] | None = None,
        tags: Sequence[str] = (),
    ) -> StagedCheckpoint:
        """Capture a checkpoint: all parts are written, but neither forced to the disk nor visible.

        What happens to `source` afterwards makes no difference to it; `StagedCheckpoint.commit`
        makes it a checkpoint, in another thread if need be. Each writer gets the path (file or
        folder) it has to create, named relative to the checkpoint.

        CheckpointExists if the iteration is there already, CheckpointWriteFailed if the disk
        refuses, CheckpointError if a name is taken; what `source` and `writers` raise otherwise
        passes through. Earlier checkpoints stay as they are.
        """
        final = self.directory / layout.checkpoint_name(iteration)
        document = complete(
            metadata,
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
        metadata: Mapping[str, Any],
        writers: Mapping[str, Writer] | None = None,
        tags: Sequence[str] = (),
    ) -> Path:
        """Commit a checkpoint, upload it if it belongs there, then prune. Returns its folder.

        Arguments and errors: see `stage`; CheckpointError also if a required part is missing.
        UploadFailed if it is committed on this machine only: the next save uploads it too.
        """
        return self.stage(
            source, iteration=iteration, metadata=metadata, writers=writers, tags=tags
        ).commit()

    def upload(self) -> None:
        """Bring to the object store what waits here: checkpoints, and plots and histories, which
        are written after the save. UploadFailed if the store stays away; nothing for a folder."""
        self._backing.upload()

    def try_writing(self) -> None:
        """Write something to the object store and delete it; nothing for a folder.
        StoreUnavailable if it is refused."""
        self._backing.try_writing()

    def waiting(self) -> list[int]:
        """The iterations that are committed on this machine and not in the object store yet."""
        return self._backing.waiting()

    def get_latest_checkpoint(self) -> str | None:
        """Path of the checkpoint with the highest iteration; None if there is none."""
        return self._path_of(self.listing().latest)

    def get_checkpoint_by_iteration(self, iteration: int) -> str | None:
        """Path of the checkpoint of one iteration; None if there is none."""
        return self._path_of(self.listing().get(iteration))

    def get_best_checkpoint(self, metric: str | None = None, mode: str | None = None) -> str | None:
        """Path of the checkpoint with the highest ("min": lowest) metric, the newest of equals.

        Without a metric by what `retention` says, or else the newest checkpoint (see `ranking`).
        None if no checkpoint knows it; ValueError if `metric` or `mode` is no such thing.
        """
        if metric is None:
            metric, mode = self.retention.best_metric, mode or self.retention.best_mode
        return self._path_of(selectors.best(self.listing(), metric, mode))

    def get_final_checkpoint(self) -> str | None:
        """Path of the newest checkpoint tagged "final"; None if there is none."""
        return self._path_of(self.listing().final)

    def resolve(self, selector: str | int | Path) -> Path:
        """The folder for latest, best, final, an iteration or a path.

        Or for the URL of a checkpoint, here or elsewhere. NoUsableCheckpoint names what exists
        instead. The content is verified only if it is downloaded for this (CheckpointCorrupted).
        """
        folder = self.locate(selector)
        self._backing.fetch(folder)
        return folder

    def resolve_whole(self, selector: str | int | Path) -> Path:
        """The same, with every file on this machine verified (CheckpointCorrupted)."""
        folder = self.resolve(selector)
        self._backing.verify(folder)
        return folder

    def locate(self, selector: str | int | Path) -> Path:
        """The same, but of what is in an object store there may only be the head of it."""
        if is_url(selector := self._backing.local(selector)):
            folder, name = split_url(str(selector))
            return CheckpointManager(folder).resolve(name)
        by = self.retention.best_by
        return selectors.resolve(selector, self.listing(), self.directory, self.shown, by)

    def list_checkpoints(self) -> list[dict[str, Any]]:
        """The metadata of each committed checkpoint, by iteration; unknown rewards are nan."""
        return [self.as_dict(info) for info in self.listing().checkpoints]

    def as_dict(self, info: CheckpointInfo) -> dict[str, Any]:
        """The metadata of a listed checkpoint, with its address as `checkpoint_path`."""
        found = info.as_dict(self.directory)
        return found | {"checkpoint_path": self.address(self.directory / info.name)}

    def listing(self) -> Listing:
        """The committed checkpoints and what was passed over; an absent folder holds none."""
        unseen = self._backing.refresh()
        try:
            found = index.load(self.directory)
        except FileNotFoundError:
            found = Listing(())
        return Listing(found.checkpoints, (*found.skipped, *unseen)) if unseen else found

    def verify(self, path: str | os.PathLike[str]) -> Manifest:
        """Check every file of a checkpoint against its manifest, loading nothing; the manifest.

        In an object store the objects are read. CheckpointCorrupted lists all problems.
        """
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise NoUsableCheckpoint(f"no such checkpoint folder: {folder}")
        return self._backing.inspect(folder)

    def resolve_valid(self, selector: str | int | Path) -> tuple[Path, list[SetAside]]:
        """The folder for a selector, verified, or else the newest valid older one.

        Damaged ones are renamed to `broken_checkpoint_NNNNNN_<time>`, never deleted; the second
        value tells of each. NoUsableCheckpoint if nothing matches or nothing valid is left.
        """
        backing, inside = self._meant(selector)
        return quarantine.resolve_valid(inside, backing, self._clock())

    def find_valid(self, selector: str | int | Path) -> tuple[Path, list[Damaged]]:
        """The same without changing anything; `set_aside_damaged` is for later."""
        backing, inside = self._meant(selector)
        return quarantine.find_valid(inside, backing)

    def _meant(self, selector: str | int | Path) -> tuple[Backing, str | int | Path]:
        """The place that a selector leads to, as it is now, and the selector inside it."""
        if is_url(selector := self._backing.local(selector)):
            folder, name = split_url(str(selector))
            return CheckpointManager(folder)._meant(name)
        if str(selector).strip() == selectors.BEST:
            selector = self.locate(selector)
        self._backing.refresh()
        return self._backing, selector

    def set_aside_damaged(self, damaged: Iterable[Path]) -> list[SetAside]:
        """Rename those checkpoints of this place that are still damaged, as its only writer."""
        here = [path for path in damaged if path.parent == self.directory]
        return quarantine.set_aside(here, self._backing, self._clock())

    def prune(self, dry_run: bool = False) -> list[Path]:
        """Delete what `self.retention` does not keep, with its plots and histories.

        Returns every path that goes (with `dry_run`: would go), oldest first. SidecarUnreadable if
        pins.json or labels.json is broken, OSError if something cannot be deleted.
        """
        self._backing.refresh()
        if not self.directory.is_dir():
            return []
        return pruning.prune(self._backing, self.retention, dry_run=dry_run)

    def pin(self, selector: str | int | Path) -> Path:
        """Keep a checkpoint of this place whatever the retention says. Returns its folder.

        NoUsableCheckpoint if it is not here, SidecarUnreadable if pins.json is broken, OSError.
        """
        return self._annotate(selector, layout.PINS, lambda i: pins.change(self.directory, add=[i]))

    def unpin(self, selector: str | int | Path) -> Path:
        """Take a pin away again; errors as for `pin`."""
        change = partial(pins.change, self.directory)
        return self._annotate(selector, layout.PINS, lambda i: change(remove=[i]))

    def label(
        self, selector: str | int | Path, name: str, note: str | None = None, *, move: bool = False
    ) -> Path:
        """Name a checkpoint of this place, which selects it and keeps it like a pin.

        Returns its folder. Without a `note` it keeps the one it has. ValueError if the name cannot
        be one, or is another checkpoint's and not to `move`; other errors as for `pin`.
        """
        give = partial(labels.give, self.directory, name=name, note=note, move=move)
        return self._annotate(selector, layout.LABELS, give)

    def unlabel(self, selector: str | int | Path) -> Path:
        """Take name and note away again; errors as for `pin`."""
        change = partial(labels.take, self.directory)
        return self._annotate(selector, layout.LABELS, lambda i: change([i]))

    def pinned(self) -> frozenset[int]:
        """The pinned iterations. SidecarUnreadable if pins.json is broken."""
        self._backing.refresh()
        return pins.read(self.directory)

    @contextlib.contextmanager
    def writer_lock(self) -> Iterator[Owner]:
        """Be the only writer of this place, which is made if need be, until the context ends.

        In an object store this also finishes or clears what dead writers left, and `remote.claims`
        says how far it holds. CheckpointsInUse names the process that has it. Readers need none.
        """
        own = locks.writer_lock(self.directory, self._clock())
        with own as held, self._backing.writer(held.owner) as done:
            atomic.remove_stale(self.directory)
            for line in done:
                logger.warning("%s: %s", self.shown, line)
            self._held = held
            try:
                yield held.owner
            finally:
                self._held = None

    def check_free(self) -> None:
        """Raise CheckpointsInUse if a process is known, on this machine, to write to this place."""
        locks.check_free(self.directory)

    def protect(self, path: str | os.PathLike[str]) -> contextlib.AbstractContextManager[None]:
        """Keep a checkpoint, in this folder or another, from being pruned by anybody meanwhile.

        For the one a run begins with; of what is in an object store, the copy on this machine is
        kept. NoUsableCheckpoint if it is not there (any more).
        """
        return in_use.protect(Path(path).expanduser(), self._clock())

    def set_aside_newer(self, iteration: int) -> Path | None:
        """Move everything after `iteration` into a sub-folder, which is listable itself.

        For training that goes on from an older checkpoint: nothing is lost and nothing is in the
        way. Returns the sub-folder; None if nothing is newer.
        """
        self._backing.refresh()
        branch = branches.set_aside_newer(self.directory, iteration, self._clock())
        if branch is not None:
            branches.take_sidecars(self.directory, branch, iteration)
            self._backing.branched(branch, iteration)
        return branch

    def _path_of(self, info: CheckpointInfo | None) -> str | None:
        if info is None:
            return None
        self._backing.fetch(self.directory / info.name)
        return str(self.directory / info.name)

    def _after_commit(self, iteration: int) -> None:
        """Upload, index and retention; of trouble with the latter two it is only told."""
        self._backing.upload()
        try:
            pruning.prune(self._backing, self.retention, (iteration,))
        except (OSError, CheckpointError) as error:
            logger.warning("checkpoint %d is saved, but cleaning up failed: %s", iteration, error)

    def _check_lock(self) -> None:
        if self._held is not None:
            self._held.check()

    def _annotate(
        self, selector: str | int | Path, file: str, change: Callable[[int], bool]
    ) -> Path:
        folder = self.locate(selector)
        if change(selectors.iteration_inside(folder, self.directory, self.shown)):
            self._backing.upload_file(file)
        return folder
