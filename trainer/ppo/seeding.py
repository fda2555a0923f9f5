"""The random state of a whole process; all that trains or plays here draws from streams of its own.

RLlib would set it, in a way that loads torch's compiler: more than a second of every start, in
every actor.
"""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_process(seed: int) -> None:
    """Seeds what Python, numpy and torch share, and makes torch's operations repeat."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - a game of one's own may draw from it
    torch.manual_seed(seed)
    if torch.version.cuda is None:
        torch.set_deterministic_debug_mode("error")
    else:  # some operations have no repeatable form there
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
