"""Saves, verifies, finds and prunes checkpoints; a library that needs nothing of the project.

    from trainer.checkpoints import CheckpointManager

    manager = CheckpointManager("./checkpoints", keep_last_n=10)  # or "s3://bucket/prefix"
    manager.save(algorithm, iteration=50, metadata={"reward_mean": 34.5})
    for checkpoint in manager.list_checkpoints():
        print(checkpoint["iteration"], checkpoint["reward_mean"])
    folder = manager.open("latest", verify=True)  # or "best", 50, a name, a path
    algorithm.restore_from_path(str(folder))

`algorithm` is any RLlib algorithm, or anything else with a `save_to_path`. The names below are
imported at their first use, so that a program that only lists checkpoints starts fast.
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
    from trainer.checkpoints.reader import CheckpointReader
    from trainer.checkpoints.retention import Retention

__all__ = [
    "CheckpointCorrupted",
    "CheckpointError",
    "CheckpointManager",
    "CheckpointReader",
    "NoUsableCheckpoint",
    "Retention",
]

_HOMES = {"CheckpointManager": "manager", "CheckpointReader": "reader", "Retention": "retention"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
