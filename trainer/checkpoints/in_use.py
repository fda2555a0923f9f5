"""Use markers: protect a checkpoint from pruning while a run depends on it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import atomic, layout, locks
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.process_owner import Owner

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Use:
    """One marker.

    Attributes:
        marker: its file.
        iteration: the checkpoint that it protects.
        owner: the process that set it; None if the file is not readable.
    """

    marker: Path
    iteration: int
    owner: Owner | None

    @property
    def is_over(self) -> bool:
        """Whether the run has certainly ended."""
        return self.owner is not None and self.owner.is_dead


@contextlib.contextmanager
def protect(folder: Path, when: datetime) -> Iterator[None]:
    """Keeps a checkpoint, wherever it is, from being pruned within the context.

    A folder that cannot be written gets no marker, only a warning: it can still be read. A folder
    without a checkpoint's name is never pruned and needs no marker.

    Raises:
        NoUsableCheckpoint: the checkpoint does not exist (any more).
    """
    owner = Owner.this_process(when)
    marker = _mark(folder.resolve(), owner)
    try:
        yield
    finally:
        if marker is not None and owner.is_this_process:
            with contextlib.suppress(OSError):
                marker.unlink()


def uses(directory: Path) -> list[Use]:
    """All markers in a folder, also of ended runs; none if the folder is not readable."""
    found = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        names = sorted(e.name for e in entries if e.name.startswith(layout.IN_USE))
        for name in names:
            iteration = layout.iteration_of(name.rpartition("-")[2])
            if iteration is not None:
                found.append(Use(directory / name, iteration, _owner(directory / name)))
    return found


def in_use(directory: Path) -> frozenset[int]:
    """The iterations used by runs that have not certainly ended."""
    return frozenset(use.iteration for use in uses(directory) if not use.is_over)


def clear_ended(directory: Path) -> None:
    """Deletes the markers of ended runs."""
    for use in uses(directory):
        if use.is_over:
            with contextlib.suppress(OSError):
                use.marker.unlink()


def _mark(folder: Path, owner: Owner) -> Path | None:
    if layout.iteration_of(folder.name) is None:
        return None
    marker = folder.with_name(f"{layout.IN_USE}{owner.pid}-{owner.token}-{folder.name}")
    try:
        with locks.mutex(folder.parent):  # so not while somebody prunes
            if not (folder / layout.MANIFEST).is_file():
                raise NoUsableCheckpoint(f"no such checkpoint: {folder}; it may have been pruned")
            atomic.write_text(marker, owner.encode())
    except OSError as error:
        logger.warning("%s cannot be marked as in use, others may prune it: %s", folder, error)
        return None
    return marker


def _owner(marker: Path) -> Owner | None:
    try:
        return Owner.read(marker)
    except (OSError, ValueError):
        return None
