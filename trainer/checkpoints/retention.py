"""Which checkpoints are kept: a pure function of what there is, apart from any deleting.

A checkpoint is kept for any of these reasons, and the names of them are what the tools print:

    latest       the highest iteration
    last N       one of the `last_n` newest (0 = all of them)
    best         the best one (see `ranking`), also with `best_n` = 0
    best N       one of the `best_n` best
    every K      its iteration is a multiple of `every` (0 = off)
    pinned, named, in use, protected
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.ranking import best_by, ranked
from trainer.checkpoints.records import CheckpointInfo


@dataclass(frozen=True)
class Retention:
    """What a prune keeps, beside the latest, the best and the pinned, which it never deletes.

    Without a metric, best is what the newest checkpoint says (see `ranking`). ValueError if a
    number is negative or no whole number, or `best_mode` is neither max nor min.
    """

    last_n: int = 10  # the newest so many; 0 = all
    best_n: int = 0  # the best so many; 0 = only the one best
    best_metric: str | None = None  # a number of metadata.json
    best_mode: str | None = None  # "max" or "min"
    every: int = 0  # each whose iteration is a multiple; 0 = off

    def __post_init__(self) -> None:
        zero = {"last_n": "keep all", "best_n": "only the best", "every": "off"}
        for name, meaning in zero.items():
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} must be >= 0 (0 = {meaning}), not {value!r}")
        given = {"metric": self.best_metric, "mode": self.best_mode}
        BestBy(**{name: value for name, value in given.items() if value is not None})

    @property
    def best_by(self) -> BestBy | None:
        """What best goes by; None where that is not said."""
        return None if self.best_metric is None else best_by((), self.best_metric, self.best_mode)


def reasons(
    checkpoints: Iterable[CheckpointInfo],
    retention: Retention,
    *,
    pinned: Collection[int] = (),
    named: Collection[int] = (),
    in_use: Collection[int] = (),
    protected: Collection[int] = (),
) -> dict[int, tuple[str, ...]]:
    """Why each checkpoint is kept, by iteration, ascending; what is not among them may go."""
    infos = sorted(checkpoints, key=lambda info: info.iteration)
    iterations = [info.iteration for info in infos]
    by = best_by(infos, retention.best_metric, retention.best_mode)
    best = [info.iteration for info in ranked(infos, by)]
    newest = iterations[-retention.last_n :]  # [-0:] is all of them
    groups: dict[str, Collection[int]] = {
        "latest": iterations[-1:],
        f"last {retention.last_n or 'all'}": newest,
        "best": best[:1],
        f"best {retention.best_n}": best[: retention.best_n],
        f"every {retention.every}": [
            i for i in iterations if retention.every and i % retention.every == 0
        ],
        "pinned": pinned,
        "named": named,
        "in use": in_use,
        "protected": protected,
    }
    sets = {reason: frozenset(group) for reason, group in groups.items()}
    found = {i: tuple(reason for reason, group in sets.items() if i in group) for i in iterations}
    return {iteration: why for iteration, why in found.items() if why}


def kept(
    checkpoints: Iterable[CheckpointInfo], retention: Retention, **groups: Collection[int]
) -> frozenset[int]:
    """The iterations to keep; arguments as for `reasons`."""
    return frozenset(reasons(checkpoints, retention, **groups))
