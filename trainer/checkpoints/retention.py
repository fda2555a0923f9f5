"""The retention rule: which checkpoints are kept, as a pure function of the list.

A checkpoint is kept for any of these reasons, under the names that the tools print:

    latest       the highest iteration
    last N       one of the `last_n` newest (0 = all of them)
    best         the best one (see `ranking`), also with `best_n` = 0
    best N       one of the `best_n` best
    every K      its iteration is a multiple of `every` (0 = off)
    pinned, named, in use, protected
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.ranking import best_by, in_force, ranked


@dataclass(frozen=True)
class Retention:
    """What a prune keeps, beside the latest, the best and the pinned, which it never deletes.

    Attributes:
        last_n: number of newest checkpoints; 0 = all.
        best_n: number of best checkpoints; 0 = only the best one.
        best_metric: a number of metadata.json; None: what the run goes by (see `ranking`).
        best_mode: "max" or "min".
        every: keep iterations that are a multiple of it; 0 = off.

    Raises:
        ValueError: a number is negative or not whole, or `best_mode` is not one.
    """

    last_n: int = 10
    best_n: int = 0
    best_metric: str | None = None
    best_mode: str | None = None
    every: int = 0

    def __post_init__(self) -> None:
        zero = {"last_n": "keep all", "best_n": "only the best", "every": "off"}
        for name, meaning in zero.items():
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} must be >= 0 (0 = {meaning}), not {value!r}")
        given = {"metric": self.best_metric, "mode": self.best_mode}
        BestBy(**{name: value for name, value in given.items() if value is not None})

    @property
    def told(self) -> str:
        """What is kept, in a few words."""
        if not self.last_n:
            return "all are kept"
        kept = [f"the last {self.last_n}"]
        kept += [f"the best {self.best_n}"] if self.best_n else []
        kept += [f"the multiples of {self.every}"] if self.every else []
        return f"{' and '.join(kept)} are kept"

    @property
    def best_by(self) -> BestBy | None:
        """The given metric and mode; None if no metric is given."""
        return None if self.best_metric is None else best_by((), self.best_metric, self.best_mode)

    def goes_by(self, checkpoints: Sequence[CheckpointInfo]) -> BestBy:
        """What the best of these checkpoints goes by."""
        return in_force(checkpoints, best_by(checkpoints, self.best_metric, self.best_mode))


def reasons(
    checkpoints: Iterable[CheckpointInfo],
    retention: Retention,
    *,
    pinned: Collection[int] = (),
    named: Collection[int] = (),
    in_use: Collection[int] = (),
    protected: Collection[int] = (),
) -> dict[int, tuple[str, ...]]:
    """The reasons for keeping, by iteration, ascending; a checkpoint without any may go."""
    infos = sorted(checkpoints, key=lambda info: info.iteration)
    iterations = [info.iteration for info in infos]
    by = retention.goes_by(infos)
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
