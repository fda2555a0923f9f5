"""Orders checkpoints and picks the best: one rule for retention, selectors, lists and the demo.

A run says what its best goes by, as a rule what its policies reach against opponents that do not
learn. In a zero-sum game every score of self-play only compares the two current teams with each
other: it is high where the other side happens to be weak, which is also the case before any
training. Where no policies have been evaluated, the best is the newest checkpoint whose policies
have not collapsed.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence

from trainer.checkpoints import metadata
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.metadata import MODES, BestBy
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean

DIRECTIONS = ("asc", "desc")
SIZE = "size_bytes"  # not in the metadata, but known of every checkpoint


def in_force(checkpoints: Sequence[CheckpointInfo], by: BestBy) -> BestBy:
    """`by`; the newest are the best instead where it is of evaluations and no sound one has any."""
    if not by.metric.startswith(metadata.EVALUATION):
        return by
    return by if any(not info.warnings for info in ranked(checkpoints, by)) else BestBy()


def fallback_note(checkpoints: Sequence[CheckpointInfo], by: BestBy | None = None) -> str:
    """Says that no checkpoint has the number that `best` was to go by; empty if some has.

    Args:
        checkpoints: of one folder.
        by: what it was to go by; None: what the newest checkpoint's run says.
    """
    records = (_record(info) for info in sorted(checkpoints, key=lambda info: -info.iteration))
    by = by or next((record for record in records if record is not None), None)
    if not checkpoints or by is None or in_force(checkpoints, by) == by:
        return ""
    return f"no sound checkpoint has {by.metric}, so the best is the newest"


def best_by(
    checkpoints: Sequence[CheckpointInfo], metric: str | None = None, mode: str | None = None
) -> BestBy:
    """The given metric and mode; what is None is taken from the newest checkpoint's run."""
    own = in_force(checkpoints, recorded(checkpoints) or BestBy())
    if metric is None:
        return BestBy(own.metric, mode or own.mode)
    usual = own.mode if metric == own.metric else BestBy.mode
    return BestBy(metric, mode or usual)


def parse_best_by(checkpoints: Sequence[CheckpointInfo], text: str | None) -> BestBy:
    """What `METRIC`, `METRIC:max` or `METRIC:min` means; None: what the run goes by.

    A number of the evaluations may lack their prefix, as in `evaluation.best`.

    Raises:
        ValueError: it ends in another word.
    """
    if text is None:
        return best_by(checkpoints)
    metric, mode = _split(text, MODES)
    return best_by(checkpoints, _in_full(metric, metrics(checkpoints)), mode)


def best(checkpoints: Sequence[CheckpointInfo], by: BestBy | None = None) -> CheckpointInfo | None:
    """The best checkpoint, the newest of equals; None if none knows the metric.

    Args:
        checkpoints: of one folder.
        by: the metric and mode; None: what the run goes by.

    Raises:
        ValueError: there is no such metric; the message names the nearest.
    """
    by = by or best_by(checkpoints)
    known = metrics(checkpoints)
    if checkpoints and by.metric not in known:
        near = did_you_mean(by.metric, _metrics_first(known))
        raise ValueError(f"no checkpoint has a metric {by.metric!r}{near}")
    return next(iter(ranked(checkpoints, by)), None)


def ordered(checkpoints: Sequence[CheckpointInfo], text: str) -> tuple[CheckpointInfo, ...]:
    """The checkpoints by `KEY`, `KEY:asc` or `KEY:desc`.

    Equals are ordered by iteration; those that lack the key come last. A number of the evaluations
    may lack their prefix.

    Raises:
        ValueError: there is no such key; the message names the nearest.
    """
    key, direction = _split(text, DIRECTIONS)
    known = {SIZE, *_keys(checkpoints)}
    key = _in_full(key, known)
    if key not in known:
        near = did_you_mean(key, _metrics_first(known))
        raise ValueError(f"no checkpoint has a key {key!r}{near} (--sort)")
    having: list[CheckpointInfo] = []
    lacking: list[CheckpointInfo] = []
    for info in sorted(checkpoints, key=lambda info: info.iteration):
        (lacking if _rank(info, key) is None else having).append(info)
    having.sort(key=lambda info: _rank(info, key) or (), reverse=direction == "desc")
    return (*having, *lacking)


def metrics(checkpoints: Iterable[CheckpointInfo]) -> set[str]:
    """What a checkpoint can be the best by: the training's metrics and all other numbers."""
    found = {
        key
        for info in checkpoints
        for key, value in info.metadata.items()
        if metadata.is_number(value)
    }
    return found.union(metadata.METRIC_KEYS)


def ranked(checkpoints: Iterable[CheckpointInfo], by: BestBy) -> list[CheckpointInfo]:
    """The checkpoints that know the metric, best first, the newer one of equals first.

    One with warnings comes after all without: whatever its policies score, they have stopped
    learning.
    """
    known = [info for info in checkpoints if not math.isnan(info.number(by.metric))]
    sign = -1.0 if by.mode == "max" else 1.0
    return sorted(
        known,
        key=lambda info: (bool(info.warnings), sign * info.number(by.metric), -info.iteration),
    )


def recorded(checkpoints: Sequence[CheckpointInfo]) -> BestBy | None:
    """What the newest checkpoint's run goes by; None if no checkpoint has a valid record."""
    for info in sorted(checkpoints, key=lambda info: -info.iteration):
        by = _record(info)
        if by is not None and by.metric in metrics(checkpoints):
            return by
    return None


def _record(info: CheckpointInfo) -> BestBy | None:
    """What the run of a checkpoint goes by; None if it has no valid record."""
    found = info.metadata.get("best_by")
    if isinstance(found, Mapping):
        with contextlib.suppress(ValueError):
            return BestBy(found.get("metric", ""), found.get("mode", ""))
    return None


def _split(text: str, choices: tuple[str, ...]) -> tuple[str, str | None]:
    key, colon, choice = text.rpartition(":")
    if not colon:
        return text, None
    if choice not in choices:
        raise ValueError(f"{text!r} must end with :{choices[0]}, :{choices[1]} or neither")
    return key, choice


def _in_full(key: str, known: set[str]) -> str:
    """`score` for `evaluation/score` and so on, where no key is called like that itself."""
    full = metadata.EVALUATION + key
    return full if key not in known and full in known else key


def _keys(checkpoints: Iterable[CheckpointInfo]) -> set[str]:
    """Keys that a list could be sorted by: texts and numbers."""
    found = {key for info in checkpoints for key in info.metadata}
    return found | (set(metadata.KEYS) - {"checkpoint_path"})


def _metrics_first(keys: Iterable[str]) -> list[str]:
    """The keys by name, what training measures before the others, as a message shows a few."""
    return sorted(keys, key=lambda key: (key not in metadata.METRIC_KEYS, key))


def _rank(info: CheckpointInfo, key: str) -> tuple[int, float, str] | None:
    """Numbers before texts; None for what has no order."""
    if key == SIZE:
        return (0, float(info.size_bytes), "")
    number = info.number(key)
    if not math.isnan(number):
        return (0, number, "")
    value = info.metadata.get(key)
    return (1, 0.0, value) if isinstance(value, str) else None
