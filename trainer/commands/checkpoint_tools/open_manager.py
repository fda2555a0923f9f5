"""The checkpoint manager that a tool works with, and how a checkpoint in it is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.retention import Retention
from trainer.errors import UsageError

SELECTORS = "latest, best, final, an iteration, a name or a path"


def open_manager(directory: str, retention: Retention | None = None) -> CheckpointManager:
    """The manager of a folder or URL. UsageError if the URL is not understood."""
    try:
        return CheckpointManager(directory, retention=retention)
    except ValueError as error:
        raise UsageError(str(error)) from None


@contextlib.contextmanager
def changing(shown: str | Path) -> Iterator[None]:
    """Within the context, a refusal of the system is an error that names what was to be changed.

    The system itself names a lock or a temporary file, of which the user knows nothing.
    """
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"cannot change {shown}: {error.strerror or error}") from error
