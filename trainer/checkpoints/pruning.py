"""Deleting what the retention does not keep, with its plot and its history."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints import atomic, in_use, index, labels, layout, locks, pins, retention
from trainer.checkpoints.ranking import best_by, ranked
from trainer.checkpoints.records import CheckpointInfo
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a prune would do: why the kept are kept, by iteration, and what goes, oldest first."""

    kept: dict[int, tuple[str, ...]]
    dropped: tuple[CheckpointInfo, ...]


def plan(directory: Path, policy: Retention, protected: Collection[int] = ()) -> Plan:
    """What is to go.

    SidecarUnreadable if pins or names are not known, OSError if the folder is not readable.
    """
    checkpoints = index.load(directory).checkpoints
    kept = retention.reasons(
        checkpoints,
        policy,
        pinned=pins.read(directory),
        named=labels.read(directory),
        in_use=in_use.in_use(directory),
        protected=protected,
    )
    dropped = tuple(info for info in checkpoints if info.iteration not in kept)
    by = best_by(checkpoints, policy.best_metric, policy.best_mode)
    if dropped and not ranked(checkpoints, by):
        logger.warning(
            "%s: no checkpoint knows %r, so none is kept as the best", directory, by.metric
        )
    return Plan(kept, dropped)


def paths(directory: Path, planned: Plan) -> list[Path]:
    """Every path that goes, in the order of the deletion."""
    found = []
    for info in planned.dropped:
        # Plots first: if this is interrupted, the checkpoint is still there to be pruned.
        found += [*layout.side_files(directory, info.iteration), directory / info.name]
    return found


def prune(
    store: Store, policy: Retention, protected: Collection[int] = (), *, dry_run: bool = False
) -> list[Path]:
    """Delete what is to go and return its paths; with `dry_run` only return them.

    SidecarUnreadable if pins or names are not known, CheckpointsInUse if somebody holds the folder
    for long, OSError or StoreUnavailable if something cannot be deleted.
    """
    directory = store.directory
    gone = paths(directory, plan(directory, policy, protected))
    if dry_run:
        return gone
    in_use.clear_ended(directory)
    if not gone:
        index.update(directory)
        return gone
    with locks.mutex(directory):  # from now on nobody pins or starts from what is about to go
        gone = paths(directory, plan(directory, policy, protected))
        for path in gone:
            store.delete(path)
            atomic.remove_tree(path) if path.is_dir() else path.unlink()
    index.update(directory)
    store.upload_file(layout.INDEX)
    return gone
