"""Branch folders: hold newer checkpoints when training continues from an older one."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import atomic, index, labels, layout, pins
from trainer.checkpoints.errors import SidecarUnreadable


def set_aside_newer(directory: Path, iteration: int, when: datetime) -> Path | None:
    """Moves checkpoints, plots and histories after `iteration` into a new branch folder.

    Incomplete checkpoint folders are moved too, as their names would be taken. Returns the branch
    folder; None if there is nothing to move.
    """
    names = _newer(directory, iteration)
    if not names:
        return None
    branch = _new_branch(directory, iteration, when)
    # Highest first: if this is interrupted, what remains is still one unbroken history.
    for _, name in sorted(names, reverse=True):
        os.rename(directory / name, branch / name)  # noqa: PTH104
    atomic.fsync_dir(branch)
    atomic.fsync_dir(directory)
    return branch


def take_sidecars(directory: Path, branch: Path, iteration: int) -> None:
    """Moves the pins and names of what came after `iteration`, and updates both indices."""
    for sidecar in (pins.PINS, labels.LABELS):
        with contextlib.suppress(SidecarUnreadable):  # a prune refuses while one is
            sidecar.move(directory, branch, iteration)
    index.update(branch)
    index.update(directory)


def branch_folders(directory: Path) -> list[Path]:
    """The branch folders in a checkpoint directory, by name."""
    return [path for path in set_aside(directory) if layout.is_branch_name(path.name)]


def set_aside(directory: Path) -> list[Path]:
    """The branch folders in a checkpoint directory and its quarantined checkpoints, by name."""
    kinds = (layout.is_branch_name, layout.is_quarantine_name)
    with os.scandir(directory) as entries:
        found = [e.path for e in entries if any(is_one(e.name) for is_one in kinds) and e.is_dir()]
    return sorted(Path(path) for path in found)


def _newer(directory: Path, iteration: int) -> list[tuple[int, str]]:
    """(iteration, name) of everything that belongs to a later iteration."""
    if not directory.is_dir():
        return []
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            own = layout.any_iteration_of(entry.name)
            if own is not None and own > iteration:
                found.append((own, entry.name))
    return found


def _new_branch(directory: Path, iteration: int, when: datetime) -> Path:
    attempt = 1
    while True:
        branch = directory / layout.branch_name(iteration, when, attempt)
        with contextlib.suppress(FileExistsError):
            branch.mkdir()
            return branch
        attempt += 1
