"""The checkpoint manager that a tool works with, and how a checkpoint in it is named."""

from __future__ import annotations

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
