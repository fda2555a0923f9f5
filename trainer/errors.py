"""Errors that end a command with a message and an exit code instead of a traceback."""

from __future__ import annotations


class UsageError(ValueError):
    """A command that cannot be carried out as given (exit code 2)."""


class IncompatibleCheckpoint(UsageError):  # noqa: N818
    """A checkpoint whose spaces or network differ from the configuration's (exit code 2)."""


class RestoreFailed(RuntimeError):  # noqa: N818
    """A checkpoint that verified but could not be restored (exit code 1)."""
