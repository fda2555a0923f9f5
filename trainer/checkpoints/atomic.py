"""File operations that happen completely or not at all.

Everything is first written under a temporary name beside its target. That name holds the machine,
process ID and process start time of its writer, so that a later process can tell the leftovers of
a dead writer from the work of a living one.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from trainer.checkpoints import process_owner

_TEMPORARY = re.compile(
    r"\.(?:tmp|trash)-(?P<host>[A-Za-z0-9_]+)\.(?P<pid>[0-9]+)\.(?P<start>[0-9]+)\.[0-9]+-.+"
)
_counter = itertools.count()
# Whether a writer on another host or in another container still runs is unknown. No save takes a
# day, so leftovers of that age count as dead.
_FOREIGN_AGE_S = 24 * 3600


def temporary_sibling(target: Path, kind: str = "tmp") -> Path:
    """A new name beside `target` with its suffix, from which plotting tools derive the format.

    It starts with a dot, so `glob("checkpoint_*")` never finds an unfinished checkpoint.
    """
    pid = os.getpid()
    writer = f"{process_owner.machine()}.{pid}.{process_owner.start_time(pid)}.{next(_counter)}"
    return target.with_name(f".{kind}-{writer}-{target.name}")


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yields a temporary path to write, which durably replaces `target` when the context ends.

    After a failure `target` is unchanged. The parent folder must exist.
    """
    temporary = temporary_sibling(target)
    try:
        yield temporary
        fsync_file(temporary)
        os.replace(temporary, target)  # noqa: PTH105 - one place to fail from in the crash tests
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    fsync_dir(target.parent)


def write_text(target: Path, text: str) -> None:
    """Replaces a file by `text` (UTF-8) as a whole or not at all."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def fsync_file(path: Path) -> None:
    """Flushes one file's content to the disk, whichever process wrote it."""
    _fsync(path, os.O_RDONLY)


def fsync_dir(path: Path) -> None:
    """Flushes a folder's entries to the disk: a rename is durable only after this."""
    _fsync(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def fsync_folders(root: Path) -> None:
    """Flushes the entries of every folder under `root`, deepest first, `root` last."""
    for folder, _, _ in os.walk(root, topdown=False):
        fsync_dir(Path(folder))


def rename_folder(source: Path, target: Path) -> None:
    """Renames a folder durably.

    Raises:
        FileExistsError: `target` exists.
        OSError: the system refused.
    """
    if os.path.lexists(target):  # rename(2) would silently replace an empty folder
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)  # noqa: PTH104
    fsync_dir(target.parent)


def remove_tree(folder: Path) -> None:
    """Deletes a folder. It is renamed first, so a killed delete leaves no half folder."""
    trash = temporary_sibling(folder, kind="trash")
    os.rename(folder, trash)  # noqa: PTH104
    shutil.rmtree(trash)


def remove_stale(directory: Path) -> list[Path]:
    """Deletes temporaries in `directory` whose writer is dead, as far as possible.

    Everything else stays: other names, symbolic links, the work of a living writer. Returns what
    was deleted.
    """
    removed = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            path = Path(entry.path)
            with contextlib.suppress(OSError):
                if entry.is_symlink() or not _is_stale(path):
                    continue
                shutil.rmtree(path) if entry.is_dir(follow_symlinks=False) else path.unlink()
                removed.append(path)
    return removed


def is_temporary(name: str) -> bool:
    """Whether a name is that of a temporary of any writer."""
    return _TEMPORARY.fullmatch(name) is not None


def _is_stale(path: Path) -> bool:
    match = _TEMPORARY.fullmatch(path.name)
    if match is None:
        return False
    if match["host"] != process_owner.machine():
        return time.time() - path.stat().st_mtime > _FOREIGN_AGE_S
    return not process_owner.is_running(int(match["pid"]), int(match["start"]))


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
