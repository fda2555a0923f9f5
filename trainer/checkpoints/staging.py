"""Stages and commits a checkpoint.

Protocol: a save

1. writes everything into a temporary sibling folder (`.tmp-<writer>-checkpoint_000010`): the
   source's own tree, the parts of the other writers, metadata.json;
2. flushes every file to the disk, and last writes manifest.json, which lists them with size and
   SHA-256; then flushes every folder;
3. renames the folder to its final name and flushes the parent: this is the commit;
4. uploads it, if the folder mirrors an object store (see `remote.push`);
5. updates the index and prunes. None of this can undo the commit.

Guaranteed: a folder named `checkpoint_NNNNNN` with a manifest is complete. Nothing is overwritten,
and only `prune` deletes, also as the last step of a save. A delete first renames the folder, then
removes its files.

A save that fails before the rename removes its temporary folder. One that is killed leaves it;
the next writer removes it, as its writer is dead.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from trainer.checkpoints import atomic, layout, manifest, metadata
from trainer.checkpoints.errors import CheckpointError, CheckpointExists, CheckpointWriteFailed

Writer = Callable[[Path], None]
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


class Source(Protocol):
    """What can be saved: RLlib's Algorithm, or anything that writes itself into a folder."""

    def save_to_path(self, path: str) -> Any:
        """Writes the complete state under `path`, the absolute path of an existing folder."""


class StagedCheckpoint:
    """A captured checkpoint, to be committed.

    Attributes:
        final: the folder that it becomes.
    """

    def __init__(
        self,
        final: Path,
        shown: str,
        after_commit: Callable[[], None],
        check_lock: Callable[[], None],
    ) -> None:
        """Makes a name for the temporary folder; nothing is written yet.

        Args:
            final: the folder that it becomes.
            shown: the checkpoint directory in messages.
            after_commit: what it raises does not undo the commit.
            check_lock: called before anything is created or renamed; what it raises prevents that.
        """
        self.final, self._shown, self._after_commit = final, shown, after_commit
        self._check_lock = check_lock
        self._staged = atomic.temporary_sibling(final)

    def write(
        self, source: Source, writers: Mapping[str, Writer], document: Mapping[str, Any]
    ) -> None:
        """Writes all parts into the temporary folder; errors as for `CheckpointManager.stage`."""
        self._check_lock()
        if os.path.lexists(self.final):
            raise self._exists()
        with self._or_nothing():
            self.final.parent.mkdir(parents=True, exist_ok=True)
            atomic.remove_stale(self.final.parent)
            self._staged.mkdir()
            _write_parts(self._staged, source, writers)
            text = metadata.encode(document)
            metadata.check_limits(text)
            (self._staged / layout.METADATA).write_text(text, encoding="utf-8")

    def commit(self) -> Path:
        """Hashes, flushes, renames and prunes. Returns the folder. To be called once.

        Raises:
            CheckpointExists: there is one of that name; from an object store, the message says
                where this one is kept.
            CheckpointWriteFailed: the disk refused; nothing is left of it.
            CheckpointError: it lacks a required part; nothing is left of it.
            UploadFailed: it is a checkpoint on this machine only.
        """
        with self._or_nothing():
            self._check_lock()
            manifest.write(self._staged)
            atomic.fsync_folders(self._staged)
            self._check_lock()
            atomic.rename_folder(self._staged, self.final)
        self._after_commit()
        return self.final

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """After an error nothing is left; one of the operating system becomes this package's."""
        try:
            yield
        except BaseException as error:
            shutil.rmtree(self._staged, ignore_errors=True)
            if not isinstance(error, OSError):
                raise
            if error.errno in _TAKEN and os.path.lexists(self.final):
                raise self._exists() from error
            raise CheckpointWriteFailed(
                f"{self.final.name} could not be saved in {self._shown}: {error}\n"
                "Earlier checkpoints are untouched; free disk space or check permissions there"
            ) from error

    def _exists(self) -> CheckpointExists:
        return CheckpointExists(
            f"{self._shown} already has {self.final.name}, and nothing is overwritten; "
            "move it away or use another folder (--checkpoint-dir)"
        )


def _write_parts(staged: Path, source: Source, writers: Mapping[str, Writer]) -> None:
    source.save_to_path(str(staged))
    for name, writer in writers.items():
        if not layout.is_safe_name(name):
            raise ValueError(f"a checkpoint part cannot be named {name!r}")
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        writer(staged / name)
    for name in (layout.METADATA, layout.MANIFEST):
        if os.path.lexists(staged / name):
            raise CheckpointError(f"{name} is the manager's own file; the source wrote one too")
