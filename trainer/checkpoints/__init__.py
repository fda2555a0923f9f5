"""Checkpoints that are committed, verified, found again and thinned out; a library of its own.

    from trainer.checkpoints import CheckpointManager

    manager = CheckpointManager("./checkpoints", keep_last_n=10)
    path = manager.save(algorithm, iteration=50, metadata={"reward_mean": 34.5})
    algorithm.restore_from_path(str(manager.open("latest")))

Whatever has RLlib's `save_to_path` can be saved. The names below are imported when they are asked
for: a program that only lists checkpoints pays for nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.checkpoints.errors import (
        CheckpointCorrupted,
        CheckpointError,
        NoUsableCheckpoint,
    )
    from trainer.checkpoints.manager import CheckpointManager
    from trainer.checkpoints.retention import Retention

__all__ = [
    "CheckpointCorrupted",
    "CheckpointError",
    "CheckpointManager",
    "NoUsableCheckpoint",
    "Retention",
]

_HOMES = {"CheckpointManager": "manager", "Retention": "retention"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
