"""Which checkpoints are kept: a pure function of what there is, apart from any deleting."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from trainer.checkpoints.records import CheckpointInfo


def kept(
    checkpoints: Iterable[CheckpointInfo], keep_last_n: int, protected: Collection[int] = ()
) -> frozenset[int]:
    """The iterations to keep: the `keep_last_n` highest (0 = all), and the `protected` ones.

    The latest is always among them. ValueError if `keep_last_n` is negative.
    """
    if keep_last_n < 0:
        raise ValueError(f"keep_last_n must be >= 0 (0 = keep all), not {keep_last_n}")
    ordered = sorted(info.iteration for info in checkpoints)
    newest = ordered if keep_last_n == 0 else ordered[-keep_last_n:]
    return frozenset(newest) | frozenset(protected).intersection(ordered)
