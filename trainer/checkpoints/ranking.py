"""Which checkpoint is the best: one metric and mode for retention, selectors, lists and the demo.

Unless a run says otherwise, the best is the one with the most training whose policies are well. In
a zero-sum game every score of self-play only compares the two current teams with each other: it is
high where the other side happens to be weak, and that is so before any training, too.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence

from trainer.checkpoints import metadata
from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.records import CheckpointInfo


def best_by(
    checkpoints: Sequence[CheckpointInfo], metric: str | None = None, mode: str | None = None
) -> BestBy:
    """What is given, and for the rest what the newest checkpoint says that its run goes by."""
    own = recorded(checkpoints) or BestBy()
    if metric is None:
        return BestBy(own.metric, mode or own.mode)
    usual = own.mode if metric == own.metric else BestBy.mode
    return BestBy(metric, mode or usual)


def metrics(checkpoints: Iterable[CheckpointInfo]) -> set[str]:
    """What a checkpoint can be the best by: what a training measures, and every other number."""
    found = {
        key
        for info in checkpoints
        for key, value in info.metadata.items()
        if metadata.is_number(value)
    }
    return found.union(metadata.METRIC_KEYS)


def ranked(checkpoints: Iterable[CheckpointInfo], by: BestBy) -> list[CheckpointInfo]:
    """Those that know the metric, best first; of equals the newer one comes first.

    A checkpoint with warnings comes after all without: whatever its policies score, they have
    stopped learning.
    """
    known = [info for info in checkpoints if not math.isnan(info.number(by.metric))]
    sign = -1.0 if by.mode == "max" else 1.0
    return sorted(
        known,
        key=lambda info: (bool(info.warnings), sign * info.number(by.metric), -info.iteration),
    )


def recorded(checkpoints: Sequence[CheckpointInfo]) -> BestBy | None:
    """What the newest checkpoint says; None where none says anything that makes sense."""
    for info in sorted(checkpoints, key=lambda info: -info.iteration):
        found = info.metadata.get("best_by")
        if isinstance(found, Mapping):
            with contextlib.suppress(ValueError):
                by = BestBy(found.get("metric", ""), found.get("mode", ""))
                if by.metric in metrics(checkpoints):
                    return by
    return None
