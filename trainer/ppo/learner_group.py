"""How remote learners find each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ray.rllib.core.learner import learner_group

_SILENCE_S = 300  # how long a learner waits for another one within a step


@contextlib.contextmanager
def learners_by_gloo() -> Iterator[None]:
    """Learners that are built inside exchange gradients by gloo, on a GPU too.

    RLlib would take NCCL for GPUs, which knows no tensors on the CPU (counts and moments are
    there) and no two learners with a share of one GPU; and a learner would wait half an hour for
    one that has vanished without a word.
    """
    chosen = learner_group._get_backend_config

    def by_gloo(learner_class: Any) -> Any:
        config = chosen(learner_class)
        config.backend, config.timeout_s = "gloo", _SILENCE_S
        return config

    learner_group._get_backend_config = by_gloo
    try:
        yield
    finally:
        learner_group._get_backend_config = chosen
