"""The metrics that a sweep can be compared by."""

from __future__ import annotations

from envs.hide_and_seek.spaces import STAGES
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean, nearest
from trainer.config.evaluation_keys import all_opponents
from trainer.errors import UsageError
from trainer.reporting.metrics import (
    DEFAULT_TEAMS,
    HIDE_AND_SEEK,
    NEWEST,
    describe_metrics,
    describe_opponents,
)


def check_measure(key: str) -> None:
    """Checks that a key is a metric of some history.

    Raises:
        UsageError: naming the nearest one.
    """
    known = describe_metrics(game=(*HIDE_AND_SEEK, *STAGES), opponents=all_opponents())
    known |= describe_opponents(DEFAULT_TEAMS)
    if key in known or key.startswith((NEWEST, "env/")):
        return
    last_words = {name.rpartition("/")[2]: name for name in known}
    last = nearest(key, last_words) if nearest(key, known) is None else None
    near = did_you_mean(key, known) if last is None else f"; did you mean {last_words[last]!r}?"
    raise UsageError(f"--measure {key}: no such metric{near}")
