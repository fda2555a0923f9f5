"""Reads hostile pickles as the restore does, in a process whose memory is limited:

    python -m tests.run.read_hostile_pickles KIND SEED COUNT

and prints what came of them as JSON. It must never die, hang or grow.
"""

from __future__ import annotations

import itertools
import json
import resource
import signal
import sys
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.run.hostile_pickles import known_attacks, mutated, systematic
from trainer.errors import InvalidState
from trainer.run.saved_state.safe_pickle import decode

MEMORY = 500 * 2**20
SECONDS = 10


def is_plain(value: Any) -> bool:
    """Whether there is nothing but plain values, each array with memory of its own."""
    level = [value]
    while level:
        inner: list[Any] = []
        for item in level:
            if type(item) in (dict, OrderedDict):
                inner.extend([*item, *item.values()])
            elif type(item) in (list, tuple):
                inner.extend(item)
            elif isinstance(item, (np.ndarray, np.generic)):
                if item.dtype.kind not in "biufc" or item.dtype.hasobject or item.dtype.names:
                    return False
            elif item is not None and type(item) not in (bool, int, float, str):
                return False
        level = inner
    return True


def read_all(cases: Iterable[bytes]) -> dict[str, int]:
    """What came of all cases; raises if something else came out than plain values or a refusal."""
    found = {"cases": 0, "refused": 0, "plain": 0, "largest": 0}
    for data in cases:
        signal.alarm(SECONDS)  # ends the process
        found["cases"] += 1
        found["largest"] = max(found["largest"], len(data))
        try:
            value = decode(data)
        except (InvalidState, ValueError):
            found["refused"] += 1
        else:
            assert is_plain(value), data
            found["plain"] += 1
    signal.alarm(0)
    return found


def limit_memory() -> None:
    """No more than so much above what the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(kind: str, seed: int, count: int) -> None:
    made = {"known": known_attacks(), "systematic": systematic(), "mutated": mutated(seed)}[kind]
    step = 1
    if kind == "systematic":  # a share of them, another one for each seed
        cases = list(made)
        step = max(1, len(cases) // count)
        made = iter(cases[seed % step :: step])
    limit_memory()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = read_all(itertools.islice(made, count if kind == "mutated" else None))
    found["grown"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
