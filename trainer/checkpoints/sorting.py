"""The order of a list, and which of it is best, by a key that the user names.

`KEY:desc` sorts from the highest down, `METRIC:min` takes the lowest for the best.
"""

from __future__ import annotations

import math

from trainer.checkpoints import metadata, selectors
from trainer.checkpoints.index import Listing
from trainer.checkpoints.metadata import MODES, BestBy
from trainer.checkpoints.ranking import best_by
from trainer.checkpoints.records import CheckpointInfo

DIRECTIONS = ("asc", "desc")
SIZE = "size_bytes"  # not in the metadata, but known of every checkpoint


def ordered(listing: Listing, text: str) -> tuple[CheckpointInfo, ...]:
    """The checkpoints by `KEY[:asc|:desc]`, equals by iteration, those that lack the key last.

    ValueError names the nearest key if there is no such one.
    """
    key, direction = _split(text, DIRECTIONS)
    known = {SIZE, *_keys(listing)}
    if key not in known:
        raise ValueError(
            f"no checkpoint has a key {key!r}{selectors.hint(key, sorted(known))} (--sort)"
        )
    having: list[CheckpointInfo] = []
    lacking: list[CheckpointInfo] = []
    for info in sorted(listing.checkpoints, key=lambda info: info.iteration):
        (lacking if _rank(info, key) is None else having).append(info)
    having.sort(key=lambda info: _rank(info, key) or (), reverse=direction == "desc")
    return (*having, *lacking)


def best(listing: Listing, text: str | None) -> tuple[CheckpointInfo | None, BestBy]:
    """The best checkpoint by `METRIC[:max|:min]`, or by what the run goes by, and what that is.

    ValueError names the nearest metric if there is no such one.
    """
    metric, mode = (None, None) if text is None else _split(text, MODES)
    by = best_by(listing.checkpoints, metric, mode)
    return selectors.best(listing, by.metric, by.mode), by


def _split(text: str, choices: tuple[str, ...]) -> tuple[str, str | None]:
    key, colon, choice = text.rpartition(":")
    if not colon:
        return text, None
    if choice not in choices:
        raise ValueError(f"{text!r} must end with :{choices[0]}, :{choices[1]} or neither")
    return key, choice


def _keys(listing: Listing) -> set[str]:
    """Keys that a list could be sorted by: texts and numbers."""
    found = {key for info in listing.checkpoints for key, value in info.metadata.items()}
    return found | (set(metadata.KEYS) - {"checkpoint_path"})


def _rank(info: CheckpointInfo, key: str) -> tuple[int, float, str] | None:
    """Numbers before texts; None for what has no order."""
    if key == SIZE:
        return (0, float(info.size_bytes), "")
    number = info.number(key)
    if not math.isnan(number):
        return (0, number, "")
    value = info.metadata.get(key)
    return (1, 0.0, value) if isinstance(value, str) else None
