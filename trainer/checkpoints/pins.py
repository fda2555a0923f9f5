"""Pinned checkpoints: kept whatever the retention says.

`pins.json` is `{"format": 1, "pinned": [50, 100]}`; see `sidecar`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.sidecar import Sidecar, is_iteration


def read(directory: Path) -> frozenset[int]:
    """The pinned iterations of a folder.

    Raises:
        SidecarUnreadable: pins.json is not valid.
    """
    return _PINS.read(directory)


def change(directory: Path, *, add: Iterable[int] = (), remove: Iterable[int] = ()) -> bool:
    """Pins and unpins iterations. Returns whether anything changed; raises as `Sidecar.change`."""
    more, less = frozenset(add), frozenset(remove)
    return _PINS.change(directory, lambda pinned: (pinned | more) - less)


def move(source: Path, target: Path, after: int) -> None:
    """Moves the pins of later iterations to the folder that has their checkpoints now."""
    moved = [iteration for iteration in read(source) if iteration > after]
    if moved:
        change(target, add=moved)
        change(source, remove=moved)


def _decode(value: Any) -> frozenset[int]:
    if not isinstance(value, list):
        raise ValueError("'pinned' is not a list of iterations")
    for item in value:
        if not is_iteration(item):
            raise ValueError(f"{safe_json.shown(item)} is no iteration")
    return frozenset(value)


_PINS = Sidecar[frozenset[int]](layout.PINS, "pinned", _decode, sorted, frozenset())
