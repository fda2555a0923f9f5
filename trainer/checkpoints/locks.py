"""The locks of a checkpoint folder: one writer at a time; readers need none.

`mutex` is held for moments, while something is read and then changed accordingly. The kernel frees
it when its holder dies. `writer_lock` is held as long as a run lasts. It is a record of its owner,
changed only under the mutex. The record of a dead process of this machine is replaced; that of
another machine is respected.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import atomic, layout
from trainer.checkpoints.errors import CheckpointError, CheckpointsInUse, FolderLost
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.safe_io import safe_json

_PATIENCE_S = 60.0


@contextlib.contextmanager
def mutex(directory: Path) -> Iterator[None]:
    """Holds the short lock of a folder within the context; it cannot be nested.

    Raises:
        CheckpointsInUse: it did not become free within a minute.
        OSError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout  # a reader of the list needs none

    lock = FileLock(directory / layout.LOCK, timeout=_PATIENCE_S, is_singleton=False)
    try:
        held = lock.acquire(poll_interval=0.01)
    except Timeout:
        raise CheckpointsInUse(
            f"{directory} is being changed by another process for more than {_PATIENCE_S:.0f} s\n"
            f"Wait for it, or see who holds {directory / layout.LOCK}"
        ) from None
    with held:
        yield


@dataclass(frozen=True)
class Held:
    """A writer lock that this process holds.

    Attributes:
        directory: the folder, where it was when the lock was taken.
        owner: the record of this process.
        stamp: device and inode of the file with the record.
        descriptor: of the folder itself, wherever it is now; None where the system has none.
    """

    directory: Path
    owner: Owner
    stamp: tuple[int, int]
    descriptor: int | None

    def check(self) -> None:
        """Checks that the folder at this path is still the locked one.

        Raises:
            FolderLost: it was moved, deleted or taken over; the message says which.
        """
        path = self.directory / layout.WRITER
        try:
            found, owner = os.lstat(path), Owner.read(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise FolderLost(self._what_happened()) from None
        except OSError:  # not readable at the moment does not mean gone
            return
        if owner != self.owner or (found.st_dev, found.st_ino) != self.stamp:
            raise FolderLost(self._what_happened())

    def _what_happened(self) -> str:
        now = self._now_at()
        if now is None:
            return f"{self.directory} was deleted during the run, with what was saved in it"
        if now == self.directory.resolve():
            return f"{self.directory} was taken over by another writer ({layout.WRITER} changed)"
        there = [p for p in now.glob("checkpoint_*") if layout.iteration_of(p.name) is not None]
        last = max(there, key=lambda path: layout.iteration_of(path.name) or 0, default=None)
        kept = "" if last is None else f"; the last checkpoint is there: {last}"
        return f"{self.directory} was moved to {now} during the run{kept}"

    def _now_at(self) -> Path | None:
        """The present path of the folder, as far as the system knows; None if it is deleted."""
        if self.descriptor is None:
            return self.directory.resolve() if self.directory.is_dir() else None
        try:
            now = Path(f"/proc/self/fd/{self.descriptor}").readlink()
        except OSError:
            now = self.directory.resolve()
        gone = os.fstat(self.descriptor).st_nlink == 0 or not now.is_dir()
        return None if gone else now


@contextlib.contextmanager
def writer_lock(directory: Path, when: datetime, shown: str | None = None) -> Iterator[Held]:
    """Is the only writer of a folder, which is created if absent, within the context.

    Args:
        directory: the folder.
        when: since when.
        shown: what the user knows it by, as in `check_free`.

    Raises:
        CheckpointsInUse: there is another writer; the message names it and what to do.
        OSError: the folder cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / layout.WRITER
    mine = Owner.this_process(when)
    with mutex(directory):
        check_free(directory, shown)
        atomic.write_text(path, mine.encode())
        found = os.lstat(path)
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
    descriptor = os.open(directory, flags) if os.name == "posix" else None
    held = Held(directory, mine, (found.st_dev, found.st_ino), descriptor)
    try:
        yield held
    finally:
        if mine.is_this_process:  # and not a fork of it
            # An error inside the context matters more; a record left behind is dead anyway.
            with contextlib.suppress(OSError, ValueError, CheckpointError):
                held.check()  # the mutex would make a folder that is gone
                with mutex(directory):
                    if Owner.read(path) == mine:
                        path.unlink()
        if descriptor is not None:
            os.close(descriptor)


def writer_of(directory: Path) -> Owner | None:
    """The living writer of a folder; None if there is none, or its record is not readable."""
    try:
        owner = Owner.read(directory / layout.WRITER)
    except (OSError, ValueError):
        return None
    return None if owner is None or owner.is_dead else owner


def check_free(directory: Path, shown: str | None = None) -> None:
    """Checks that no other process is known to write to a folder.

    Args:
        directory: the folder.
        shown: what the user knows it by: a URL if it mirrors an object store; None: its path.

    Raises:
        CheckpointsInUse: one does; the message names it and what to do.
    """
    path, shown = directory / layout.WRITER, str(directory) if shown is None else shown
    try:
        owner = Owner.read(path)
    except ValueError as error:
        raise CheckpointsInUse(
            f"{shown} may be in use: {path} is not readable ({safe_json.first_line(error)})\n"
            "If no training writes there, delete that file; or use another folder "
            "(--checkpoint-dir)"
        ) from None
    if owner is None or owner.is_dead:
        return
    way_on = f"{owner.way_to_stop}, or use another folder (--checkpoint-dir)"
    if owner.is_elsewhere:
        way_on += f"; if it no longer runs there, delete {path}"
    raise CheckpointsInUse(f"{shown} is in use by {owner}\n{way_on}")
