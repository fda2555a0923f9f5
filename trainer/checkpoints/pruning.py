"""Deletes what the retention does not keep, with its plots and histories."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints import atomic, in_use, index, labels, layout, locks, pins, retention
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.ranking import ranked
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a prune would do.

    Attributes:
        kept: the reasons for keeping, by iteration.
        dropped: what would be deleted, oldest first.
    """

    kept: dict[int, tuple[str, ...]]
    dropped: tuple[CheckpointInfo, ...]


def plan(directory: Path, policy: Retention, protected: Collection[int] = ()) -> Plan:
    """Decides what a prune would keep and delete.

    Args:
        directory: the checkpoint folder.
        policy: the retention rule.
        protected: iterations to keep in any case.

    Raises:
        SidecarUnreadable: pins or names are unknown.
        OSError: the folder is not readable.
    """
    checkpoints = index.load(directory).checkpoints
    kept = retention.reasons(
        checkpoints,
        policy,
        pinned=pins.PINS.read(directory),
        named=labels.LABELS.read(directory),
        in_use=in_use.in_use(directory),
        protected=protected,
    )
    dropped = tuple(info for info in checkpoints if info.iteration not in kept)
    by = policy.goes_by(checkpoints)
    if dropped and not ranked(checkpoints, by):
        logger.warning(
            "%s: no checkpoint knows %r, so none is kept as the best", directory, by.metric
        )
    return Plan(kept, dropped)


def paths(directory: Path, planned: Plan) -> list[Path]:
    """Every path that a plan deletes, in the order of the deletion."""
    found = []
    for info in planned.dropped:
        # Plots first: if this is interrupted, the checkpoint is still there to be pruned.
        found += [*layout.side_files(directory, info.iteration), directory / info.name]
    return found


def prune(
    store: Store, policy: Retention, protected: Collection[int] = (), *, dry_run: bool = False
) -> list[Path]:
    """Deletes what `plan` drops and returns the paths; with `dry_run` only returns them.

    Raises:
        SidecarUnreadable: pins or names are unknown.
        CheckpointsInUse: another process holds the folder's mutex for long.
        OSError, StoreUnavailable: something cannot be deleted.
    """
    directory = store.directory
    gone = paths(directory, plan(directory, policy, protected))
    if dry_run:
        return gone
    in_use.clear_ended(directory)
    if not gone:
        index.update(directory)
        return gone
    with locks.mutex(directory):  # nobody pins, names or uses now what is about to be deleted
        gone = paths(directory, plan(directory, policy, protected))
        for path in gone:
            store.delete(path)
            atomic.remove_tree(path) if path.is_dir() else path.unlink()
    index.update(directory)
    store.upload_file(layout.INDEX)
    return gone
