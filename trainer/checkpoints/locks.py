"""Who may change a checkpoint folder: one writer at a time; readers never ask.

`mutex` is held for moments, by whoever reads something and then writes by it; the kernel frees it
when its holder dies. `writer_lock` is held for as long as a run lasts. It is a record of its owner,
changed only under the mutex: the record of a dead process of this machine is nobody's and is
replaced, that of another machine is honoured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import atomic, documents, layout
from trainer.checkpoints.errors import CheckpointError, CheckpointsInUse
from trainer.checkpoints.liveness import Owner

_PATIENCE_S = 60.0


@contextlib.contextmanager
def mutex(directory: Path, patience: float = _PATIENCE_S) -> Iterator[None]:
    """Be the only one in a folder for a moment; not to be nested.

    CheckpointsInUse if it does not become free within `patience` seconds, OSError if the folder
    cannot be written.
    """
    from filelock import FileLock, Timeout  # a reader of the list needs none

    lock = FileLock(directory / layout.LOCK, timeout=patience, is_singleton=False)
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout:
        raise CheckpointsInUse(
            f"{directory} is being changed by another process for more than {patience:.0f} s\n"
            f"Wait for it, or see who holds {directory / layout.LOCK}"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def writer_lock(directory: Path, when: datetime) -> Iterator[Owner]:
    """Be the only writer of a folder, which is made if it is not there; gives the own record.

    CheckpointsInUse names the other writer and what to do; OSError if the folder cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / layout.WRITER
    mine = Owner.this_process(when)
    with mutex(directory):
        _refuse_if_held(directory, path)
        atomic.write_text(path, mine.encode())
    try:
        yield mine
    finally:
        if mine.is_this_process:  # and not a fork of it
            # Whatever went wrong in between counts more; a record left behind is dead anyway.
            with contextlib.suppress(OSError, ValueError, CheckpointError), mutex(directory):
                if Owner.read(path) == mine:
                    path.unlink()


def writer_of(directory: Path) -> Owner | None:
    """The living writer of a folder; None if there is none, or its record is not readable."""
    try:
        owner = Owner.read(directory / layout.WRITER)
    except (OSError, ValueError):
        return None
    return None if owner is None or owner.is_dead else owner


def _refuse_if_held(directory: Path, path: Path) -> None:
    try:
        owner = Owner.read(path)
    except ValueError as error:
        raise CheckpointsInUse(
            f"{directory} may be in use: {path} is not readable ({documents.first_line(error)})\n"
            "If no training writes there, delete that file; or use another --checkpoint-dir"
        ) from None
    if owner is None or owner.is_dead:
        return
    way_on = "Stop that one, or use another --checkpoint-dir"
    if owner.is_elsewhere:
        way_on += f"; if it no longer runs there, delete {path}"
    raise CheckpointsInUse(f"{directory} is in use by {owner}\n{way_on}")
