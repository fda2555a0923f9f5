"""Pinned checkpoints: kept whatever the retention says.

`pins.json` is `{"format": 1, "pinned": [50, 100]}`; see `sidecar`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.sidecar import Sidecar, is_iteration


def add(directory: Path, iteration: int) -> bool:
    """Pins an iteration. Returns whether anything changed; raises as `Sidecar.change`."""
    return PINS.change(directory, lambda pinned: {**pinned, iteration: None})


def _decode(value: Any) -> dict[int, None]:
    if not isinstance(value, list):
        raise ValueError("'pinned' is not a list of iterations")
    for item in value:
        if not is_iteration(item):
            raise ValueError(f"{safe_json.shown(item)} is no iteration")
    return dict.fromkeys(value)


PINS = Sidecar[None](layout.PINS, "pinned", _decode, sorted)
