"""Whether the checkpoints of a run will fit on their disk."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.config.run_length import planned_iterations
from trainer.config.schema import Config
from trainer.ppo.frozen import acting_shapes
from trainer.reporting.formatting import size

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

_COPIES = 6  # of the weights: learner, its two Adam moments, runner, policy file, one to spare
_OTHER_FILES = 500_000  # bytes beside a checkpoint: its plot, its history


def free_bytes(directory: Path) -> int | None:
    """Bytes free on the disk that a folder is or will be on; None if that cannot be known."""
    try:
        existing = next(path for path in (directory, *directory.parents) if path.exists())
        return shutil.disk_usage(existing).free
    except OSError:
        return None


def disk_warning(trainer: TeamPPO, config: Config, directory: Path) -> str | None:
    """What to say if the checkpoints that the run will keep do not fit; None if they do."""
    ppo = config.ppo
    many = -(-planned_iterations(config) // ppo.checkpoint_freq)
    most = ppo.keep_last_n + max(1, ppo.keep_best_n)
    kept, which = many, ""
    if ppo.keep_last_n and most < many:
        best = f"{ppo.keep_best_n} best" if ppo.keep_best_n > 1 else "best"
        kept, which = most, f" (the last {ppo.keep_last_n} and the {best})"
    one = checkpoint_bytes(trainer)
    needed, free = (kept + 1) * one, free_bytes(directory)  # one more while the next is written
    if free is None or free >= needed:
        return None
    return (
        f"the disk of {directory} has {size(free)} free; the {kept} checkpoints that this run "
        f"keeps{which} need about {size(needed)} ({size(one)} each): free some, or lower "
        "ppo.keep_last_n"
    )


def checkpoint_bytes(trainer: TeamPPO) -> int:
    """About how large a checkpoint is, with what lies beside it."""
    weights = sum(
        parameter.numel() * parameter.element_size()
        for network in trainer.networks().values()
        for parameter in network.parameters()
    )
    arrays, _ = trainer.get_training_state()
    worlds = sum(array.nbytes for runner in arrays.values() for array in runner.values())
    return _COPIES * weights + worlds + _opponent_bytes(trainer) + _OTHER_FILES


def _opponent_bytes(trainer: TeamPPO) -> int:
    """Of the earlier policies, once the pools are full."""
    networks = trainer.networks()
    return sum(
        4 * pool.size * sum(map(math.prod, acting_shapes(networks[f"{team}_policy"].spec).values()))
        for team, pool in trainer.opponents.items()
    )
