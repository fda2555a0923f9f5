"""The errors of this package; `exit_code` is that of a command that ends with one.

Every message is one or two lines: the file, what is wrong with it, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.checkpoints.safe_io.safe_json import shown_line

SHOWN_PROBLEMS = 3


class CheckpointError(Exception):
    """The base of all errors of this package.

    Messages contain no credentials and no control characters.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(map(shown_line, message.split("\n"))))


class NoUsableCheckpoint(CheckpointError):  # noqa: N818 - reads as the state it reports
    """No checkpoint matches the selector, or none that does is valid."""

    exit_code = 3


class NoSuchPath(NoUsableCheckpoint):
    """A checkpoint was named by a path, and nothing lies there."""


class CheckpointExists(CheckpointError):  # noqa: N818
    """A save would overwrite a checkpoint."""


class CheckpointWriteFailed(CheckpointError):  # noqa: N818
    """The disk refused a save; earlier checkpoints are untouched."""


class StoreUnavailable(CheckpointError):  # noqa: N818
    """An object store refused or did not answer, after all attempts; the message has its URL.

    Attributes:
        refused: it answered, so trying again with the same credentials does not help.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class UploadFailed(CheckpointWriteFailed):
    """A checkpoint is committed on this machine, but not in the object store yet.

    Attributes:
        url: the store.
        waiting: the iterations that the next save, or `CheckpointManager.upload`, uploads.
    """

    def __init__(self, url: str, waiting: Sequence[int], reason: str, kept: Path) -> None:
        self.url, self.waiting = url, tuple(waiting)
        count = "1 checkpoint waits" if len(waiting) == 1 else f"{len(waiting)} checkpoints wait"
        count = count if waiting else "plots and histories wait"
        super().__init__(
            f"{url}: {count} for upload: {reason}\n"
            f"Nothing is lost: the next save uploads it from {kept}"
        )


class CheckpointsInUse(CheckpointError):  # noqa: N818
    """Another process writes to the same folder; the message names it and what to do.

    Attributes:
        lease_age: of an object store, seconds since the other's last sign of life by the store's
            clock; None elsewhere.
    """

    lease_age: float | None = None


class FolderLost(CheckpointError):  # noqa: N818
    """The folder that a run writes to was moved, deleted or taken over by another run."""


class SidecarUnreadable(CheckpointError):  # noqa: N818
    """pins.json or labels.json is not valid, so it is unknown what may be deleted."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} is not readable: {problem}\n"
            "Nothing is deleted until it is corrected, or moved aside by: "
            f"python -m trainer.checkpoints repair {path.parent}"
        )


class CheckpointCorrupted(CheckpointError):  # noqa: N818
    """A checkpoint is not what its manifest says.

    Attributes:
        path: its folder.
        problems: one line for each finding.
    """

    exit_code = 3

    def __init__(self, path: Path, problems: Sequence[str], address: str | None = None) -> None:
        """`address` is the URL of the checkpoint, if the user knows it by one."""
        self.path = path
        where = address or str(path)
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:SHOWN_PROBLEMS])
        hidden = len(self.problems) - SHOWN_PROBLEMS
        more = f"; and {hidden} more" if hidden > 0 else ""
        super().__init__(
            f"{where} is damaged: {shown}{more}\n"
            "Nothing was loaded; choose another one from: python list_checkpoints.py "
            f"{where.rpartition('/')[0] if address else path.parent}"
        )
