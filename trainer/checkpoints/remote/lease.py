"""The lease of the only writer of a prefix in an object store: one object for each writer.

Protocol: a writer puts an object of its own, `.writer-<token>.json`, then lists all leases, and
withdraws if it sees another living one. On a store whose lists show every finished write at once
(S3 since 2020, Google Cloud Storage) two writers cannot both miss each other. A lease is renewed
every minute. It is abandoned if it was not renewed for 15 minutes by the store's own clock, or if
its process on this machine is dead.

Not guaranteed: a writer that was suspended for longer than that (a laptop asleep) may wake up
beside its successor. It finds its lease gone at its next upload and stops there.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Iterator

from trainer.checkpoints.errors import CheckpointError, CheckpointsInUse
from trainer.checkpoints.process_owner import Owner
from trainer.checkpoints.remote.client import Client
from trainer.checkpoints.remote.listing import LEASE, list_remote
from trainer.checkpoints.safe_io import safe_json

logger = logging.getLogger(__name__)

RENEWAL_S = 60.0
EXPIRY_S = 900.0
_SETTLED_S = 10.0  # a lease this much older is no race
_ROUNDS = 3


@contextlib.contextmanager
def held(client: Client, owner: Owner) -> Iterator[str]:
    """Holds the lease within the context. Yields the name of its object.

    Raises:
        CheckpointsInUse: another writer has it; the message names that one.
        StoreUnavailable: the store refused or did not answer.
    """
    name = f"{LEASE}{owner.token}.json"
    _take(client, name, owner)
    over = threading.Event()
    renewal = threading.Thread(target=_renew, args=(client, name, owner, over), daemon=True)
    renewal.start()
    try:
        yield name
    finally:
        if owner.is_this_process:  # and not a fork of it
            over.set()
            renewal.join()
            with contextlib.suppress(CheckpointError):  # an abandoned lease runs out
                client.delete(name)


def _take(client: Client, name: str, owner: Owner) -> None:
    for attempt in range(1, _ROUNDS + 1):
        client.write(name, owner.encode().encode())
        try:
            rival = _rival(client, name)
        except BaseException:
            with contextlib.suppress(CheckpointError):
                client.delete(name)
            raise
        if rival is None:
            return
        client.delete(name)
        message, age = rival
        if age > _SETTLED_S or attempt == _ROUNDS:
            refused = CheckpointsInUse(message)
            refused.lease_age = age
            raise refused
        # Both withdrew: one of them comes back first.
        time.sleep(random.uniform(0.05, 0.25) * attempt)


def _rival(client: Client, name: str) -> tuple[str, float] | None:
    """Why another writer has the lease, and the age of its last sign of life; None if none has."""
    leases = list_remote(client).leases
    mine = leases.get(name)
    for other, entry in leases.items():
        if other == name or mine is None:
            continue
        age = (mine.mtime_ns - entry.mtime_ns) / 1e9
        why = _why_refused(client, other, age)
        if why is not None:
            return why, age
    return None


def _why_refused(client: Client, name: str, age: float) -> str | None:
    """Why a lease refuses others; None if nobody holds it any more, and then it is deleted."""
    url = client.location.url
    try:
        owner = Owner.of(safe_json.decode(client.read(name)))
    except FileNotFoundError:
        return None
    except ValueError:
        if age <= EXPIRY_S:
            return f"{url} may be in use: {name} is not readable\nIf nobody writes there, delete it"
        owner = None
    if age <= EXPIRY_S and owner is not None and not owner.is_dead:
        return (
            f"{url} is in use by {owner}\n"
            f"{owner.way_to_stop}, or use another folder (--checkpoint-dir); if it no longer runs, "
            f"its lease ends {EXPIRY_S / 60:.0f} min after its last sign of life"
        )
    logger.warning("%s: the lease of %s is taken over", url, owner or "an unknown writer")
    client.delete(name)
    return None


def _renew(client: Client, name: str, owner: Owner, over: threading.Event) -> None:
    while not over.wait(RENEWAL_S):
        try:
            client.entry(name)
            client.write(name, owner.encode().encode())
        except FileNotFoundError:
            return  # taken over: the next upload reports it
        except CheckpointError:
            continue  # the store is away; there is time until the lease runs out
