"""The checkpoint folder of a run: claimed, and cleared for the run to continue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.safe_io.safe_json import first_line
from trainer.errors import UsageError
from trainer.shown_commands import shown_path


@contextlib.contextmanager
def claimed(manager: CheckpointManager, sources: Sequence[Path]) -> Iterator[None]:
    """Makes the run the only writer of its folder, while `sources` are kept from being pruned.

    Raises:
        CheckpointsInUse: another run writes to the folder.
        UsageError: the folder cannot be made or written.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(manager.writer_lock())
        except OSError as error:  # not every file system shows earlier that it refuses writing
            reason = error.strerror or first_line(error)
            raise UsageError(
                f"ppo.checkpoint_dir: cannot write into {manager.shown}: {reason}; "
                "use another --checkpoint-dir"
            ) from None
        for source in sources:
            held.enter_context(manager.protect(source))
        yield


def refuse_occupied(manager: CheckpointManager, ways_on: str) -> None:
    """Raises UsageError, with the ways on, if checkpoints are there: new ones would mix with them.

    Raises CheckpointsInUse if another run writes to the folder.
    """
    manager.check_free()
    existing = manager.listing().checkpoints
    if existing:
        raise UsageError(
            f"{manager.shown} already holds {len(existing)} checkpoint(s), up to iteration "
            f"{existing[-1].iteration}; nothing is overwritten.\n{ways_on}"
        )


def clear(
    manager: CheckpointManager, iteration: int, damaged: Sequence[Path]
) -> Iterator[tuple[str, str]]:
    """Moves aside what a run that continues from `iteration` would overwrite or trip over.

    Args:
        manager: of the folder.
        iteration: the one that the run continues from; newer files become a branch.
        damaged: checkpoints that could not be resumed.

    Yields:
        A message and its level (info, warning) for each thing moved.
    """
    for aside in manager.quarantine(damaged):
        yield str(aside), "warning"
    branch = manager.set_aside_newer(iteration)
    if branch is not None:
        yield (
            f"resuming from iteration {iteration}: newer files moved to "
            f"{shown_path(manager.address(branch))}",
            "info",
        )
