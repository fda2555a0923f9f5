"""The random state of a whole process; all that trains or plays here draws from streams of its own.

RLlib would set it, in a way that loads torch's compiler: more than a second of every start, in
every actor.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import numpy as np
import torch


def process_seed(entropy: Sequence[int]) -> int:
    """The seed of a process whose own stream is made from `entropy`: the seed of the run, its
    number, and what tells its lives apart."""
    if len(entropy) == 2:
        return sum(entropy)
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def seed_process(seed: int) -> None:
    """Seeds what Python, numpy and torch share, and makes torch's operations repeat."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - a game of one's own may draw from it
    torch.manual_seed(seed)
    if torch.version.cuda is None:
        torch.set_deterministic_debug_mode("error")
    else:  # some operations have no repeatable form there
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
