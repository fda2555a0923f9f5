"""Errors that end a command with a message instead of a traceback.

Its exit code is the `exit_code` of the class; of a class that has none, 1.
"""

from __future__ import annotations

from collections.abc import Iterable

from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io.redaction import redacted


class UsageError(ValueError):
    """A command that cannot be carried out as given; the message has no credentials."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class IncompatibleCheckpoint(UsageError):  # noqa: N818
    """A checkpoint whose spaces or network differ from the configuration's."""


class RestoreFailed(RuntimeError):  # noqa: N818
    """A checkpoint that verified but could not be restored."""

    exit_code = 1


class InvalidState(NoUsableCheckpoint):
    """A checkpoint whose files are whole, but hold what no training has written."""


class TrainingFailed(RuntimeError):  # noqa: N818
    """A training that cannot go on; what it has saved can."""

    exit_code = 1

    exit_code = 1


class TrainingDiverged(TrainingFailed):
    """A gradient, a weight or an output of a policy became NaN or infinite.

    The learner is of no use afterwards: the update was left in the middle, for the other teams too.
    Nothing of it has been handed out or saved.

    Attributes:
        policies: whose numbers they are.
    """

    def __init__(self, message: str, policies: tuple[str, ...] = ()) -> None:
        super().__init__(message, policies)  # both, so that it can be pickled
        self.policies = policies

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def raise_all(cls, errors: Iterable[BaseException | None]) -> None:
        """Raise one error for all the divergences among `errors`; nothing if there is none."""
        found = [error for error in errors if isinstance(error, cls)]
        if found:
            policies = [policy_id for error in found for policy_id in error.policies]
            raise cls("; ".join(map(str, found)), tuple(policies)) from found[0]


class ProcessDied(TrainingFailed):
    """A process that the training needs has died."""
