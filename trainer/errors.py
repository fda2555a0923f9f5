"""Exit codes, and the errors that end a command with a message instead of a traceback.

The exit code of an error is the `exit_code` of its class; of a class that has none, 1. Errors that
only one package raises are declared there.
"""

from __future__ import annotations

from collections.abc import Iterable

from trainer.checkpoints.errors import CheckpointError, NoUsableCheckpoint
from trainer.checkpoints.safe_io.redaction import redacted

EXIT_ERROR = CheckpointError.exit_code  # 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # after Ctrl-C: 128 + SIGINT


class UsageError(ValueError):
    """A command that cannot be carried out as given; the message has no credentials."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class IncompatibleCheckpoint(UsageError):  # noqa: N818
    """A checkpoint whose spaces or network differ from the configuration's."""


class RestoreFailed(RuntimeError):  # noqa: N818
    """A checkpoint that verified but could not be restored."""

    exit_code = EXIT_ERROR


class InvalidState(NoUsableCheckpoint):
    """A checkpoint whose files are whole but hold values that no training writes."""


class TrainingFailed(RuntimeError):  # noqa: N818
    """A training that cannot continue; what it has saved can."""

    exit_code = EXIT_ERROR


class TrainingDiverged(TrainingFailed):
    """A gradient, a weight or an output of a policy became NaN or infinite.

    The learner must not be used afterwards: the update stopped halfway, for the other teams too. No
    weights of that update have been sent to the env runners or saved.

    Attributes:
        policies: the policies concerned.
    """

    def __init__(self, message: str, policies: tuple[str, ...] = ()) -> None:
        super().__init__(message, policies)  # both, so that it can be pickled
        self.policies = policies

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def raise_all(cls, errors: Iterable[BaseException | None]) -> None:
        """Raises one error for all divergences among `errors`; does nothing if there is none."""
        found = [error for error in errors if isinstance(error, cls)]
        if found:
            policies = [policy_id for error in found for policy_id in error.policies]
            raise cls("; ".join(map(str, found)), tuple(policies)) from found[0]


class ProcessDied(TrainingFailed):
    """A process that the training needs has died."""
