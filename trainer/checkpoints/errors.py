"""What can go wrong with checkpoints, as types a script maps to an exit code.

Every message is one or two lines: the file, what is wrong with it, and the way on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SHOWN_PROBLEMS = 3


class CheckpointError(Exception):
    """Base of all errors of this package; names in a message cannot rewrite the terminal."""

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() or c == "\n" else "?" for c in message))


class NoUsableCheckpoint(CheckpointError):  # noqa: N818 - reads as the state it reports
    """Nothing matches what was asked for (exit code 3)."""


class CheckpointExists(CheckpointError):  # noqa: N818
    """A save would overwrite a checkpoint that is already there."""


class CheckpointWriteFailed(CheckpointError):  # noqa: N818
    """The disk refused a save; every earlier checkpoint is untouched."""


class CheckpointsInUse(CheckpointError):  # noqa: N818
    """Another process writes to the same folder; the message names it and the way on."""


class PinsUnreadable(CheckpointError):  # noqa: N818
    """pins.json makes no sense, so nobody knows what may be deleted."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} is not readable: {problem}\n"
            "Nothing is deleted until it is corrected, or moved aside by: "
            f"python -m trainer.checkpoints repair {path.parent}"
        )


class CheckpointCorrupted(CheckpointError):  # noqa: N818
    """A checkpoint is not what its manifest says; `problems` has one line for each finding."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:SHOWN_PROBLEMS])
        hidden = len(self.problems) - SHOWN_PROBLEMS
        more = f"; and {hidden} more" if hidden > 0 else ""
        super().__init__(
            f"{path} is damaged: {shown}{more}\n"
            f"Nothing was loaded; choose another one from: python list_checkpoints.py {path.parent}"
        )
