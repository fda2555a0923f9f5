"""A checkpoint in the making.

The commit protocol. A save

1. writes everything into a temporary sibling folder (`.tmp-<writer>-checkpoint_000010`): the
   source's own tree, the other writers' parts, metadata.json;
2. forces every file to the disk and writes manifest.json, which lists them with size and
   SHA-256, last; then forces every folder;
3. renames the folder to its final name and forces the parent: this is the commit;
4. uploads it, if an object store is behind the folder (see `remote.upload`);
5. brings the index up to date and prunes. None of this can undo the commit.

So a folder named `checkpoint_NNNNNN` with a manifest is complete. A save that fails before the
rename removes its temporary; one that is killed leaves it, and the next writer removes it once
its own is dead. Deleting runs backwards: first the folder loses its name, then its
files go. Nothing is ever overwritten, and only `prune` (also as the last step of a save) deletes.
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
        """Write the complete state under `path`, an absolute path of an existing folder."""


class StagedCheckpoint:
    """A captured checkpoint, to be committed or thrown away.

    Attributes:
        final: the folder it is to become.
    """

    def __init__(
        self,
        final: Path,
        shown: str,
        after_commit: Callable[[], None],
        check_lock: Callable[[], None] = lambda: None,
    ) -> None:
        """`shown` is the checkpoint folder in messages; what `after_commit` raises does not undo
        the commit; what `check_lock` raises, before anything is made or renamed, prevents it."""
        self.final, self._shown, self._after_commit = final, shown, after_commit
        self._check_lock = check_lock
        self._staged = atomic.temporary_sibling(final)

    def write(
        self, source: Source, writers: Mapping[str, Writer], document: Mapping[str, Any]
    ) -> None:
        """All parts into the temporary folder; errors as for `CheckpointManager.stage`."""
        self._check_lock()
        if os.path.lexists(self.final):
            raise self._exists()
        with self._refusals(), self._or_nothing():
            self.final.parent.mkdir(parents=True, exist_ok=True)
            atomic.remove_stale(self.final.parent)
            self._staged.mkdir()
            _write_parts(self._staged, source, writers)
            text = metadata.encode(document)
            metadata.check_limits(text)
            (self._staged / layout.METADATA).write_text(text, encoding="utf-8")

    def commit(self) -> Path:
        """Hash, force to the disk, rename, prune. Returns the folder; it may be called once.

        CheckpointExists, CheckpointWriteFailed, CheckpointError: nothing is left of it then, but
        after UploadFailed it is a checkpoint on this machine, and CheckpointExists from an object
        store says where it is kept.
        """
        with self._refusals(), self._or_nothing():
            self._check_lock()
            manifest.write(self._staged)
            atomic.fsync_folders(self._staged)
            self._check_lock()
            atomic.rename_folder(self._staged, self.final)
        self._after_commit()
        return self.final

    def discard(self) -> None:
        """Throw it away."""
        shutil.rmtree(self._staged, ignore_errors=True)

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.discard()
            raise

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What the operating system refuses, in the words of this package."""
        try:
            yield
        except OSError as error:
            if error.errno in _TAKEN and os.path.lexists(self.final):
                raise self._exists() from error
            raise CheckpointWriteFailed(
                f"{self.final.name} could not be saved in {self._shown}: {error}\n"
                "Earlier checkpoints are untouched; free disk space or check permissions there"
            ) from error

    def _exists(self) -> CheckpointExists:
        return CheckpointExists(
            f"{self._shown} already has {self.final.name}, and nothing is overwritten; "
            "move it away or use another --checkpoint-dir"
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
