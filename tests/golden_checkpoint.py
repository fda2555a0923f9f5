"""Copies of the golden checkpoint, as it was saved or with something changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from trainer.checkpoints import manifest

GOLDEN = Path(__file__).resolve().parent / "golden" / "format_1" / "checkpoint_000003"


def golden_in(folder: Path, iteration: int = 3) -> Path:
    """A copy among the checkpoints of `folder`; `iteration` is that of its name only."""
    return Path(shutil.copytree(GOLDEN, folder / f"checkpoint_{iteration:06d}"))


def vouch_for(checkpoint: Path) -> None:
    """Writes a manifest that fits what the checkpoint holds now."""
    (checkpoint / "manifest.json").unlink()
    manifest.write(checkpoint)


def record_config_file(
    checkpoint: Path, file: Path, values: dict[str, Any], *, named: bool = False
) -> None:
    """Record that the run was started with a configuration file of these values."""
    record = {"path": str(file), "named": named, "values": values}
    (checkpoint / "config_file.yaml").write_text(yaml.safe_dump(record))
    vouch_for(checkpoint)
