"""The wait of a retried job for the writer before it, which may have died without a word."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from time import monotonic, sleep

from trainer.checkpoints.errors import CheckpointsInUse
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.open_store import is_url
from trainer.checkpoints.remote.lease import EXPIRY_S

WAIT_S = EXPIRY_S + 60.0
"""Longer than a dead writer counts as living; who still writes then, lives."""
PAUSE_S = 20.0
_RENEWED_S = 10.0  # a sign of life so much later than the last one is another one


def wait_for_predecessor(manager: CheckpointManager, wait_s: float = WAIT_S) -> None:
    """Waits until nobody else writes to an object store; says for whom, and how long at most.

    The lease of a driver that was killed on another machine ends only some time after its last sign
    of life: a retry that is refused until then would use up all its attempts. One that gives
    another sign of life meanwhile is not waited for any longer, and a folder of this machine not at
    all: whether its writer lives is known.

    Raises:
        CheckpointsInUse: the other one lives, or may still after all that time; the message names
            it.
        StoreUnavailable: the store does not answer.
    """
    if not is_url(manager.shown):
        return
    told, end, last_sign = False, monotonic() + wait_s, math.inf
    while True:
        try:
            with manager.writer_lock():
                return
        except CheckpointsInUse as error:
            now = monotonic()
            left, sign = end - now, now - (error.lease_age or 0.0)
            if left <= 0 or sign > last_sign + _RENEWED_S:
                raise
            last_sign = sign
            if not told:
                until = datetime.now() + timedelta(seconds=left)
                line = str(error).splitlines()[0]
                print(
                    f"waiting: {line}; if it has died, its lease ends by {until:%H:%M:%S}",
                    flush=True,
                )
                told = True
            sleep(min(PAUSE_S, left))
