"""The file of a recording. Imports nothing heavy, so that a mistake is reported at once."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.checkpoints.selectors import nearest_existing
from trainer.errors import UsageError


def check_target(text: str, overwrite: bool) -> Path:
    """The file to record to. UsageError if it is no GIF, in no folder, or there already."""
    path = Path(text).expanduser()
    if path.suffix.lower() != ".gif":
        given = f"{path.suffix} is not supported" if path.suffix else "the name has no extension"
        raise UsageError(f"--record {text}: {given}; name a .gif file, such as {path.stem}.gif")
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(
            f"--record {text}: there is no folder {folder}; {nearest_existing(folder)}"
        )
    if path.is_dir():
        raise UsageError(f"--record {text}: that is a folder")
    if path.exists() and not overwrite:
        raise UsageError(f"--record {text}: the file exists; add --yes to replace it")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"--record {text}: no permission to write in {folder}")
    return path


def free_name(stem: str) -> Path:
    """`stem`_1.gif in the working directory, or the next number that nothing has yet."""
    number = 1
    while (path := Path(f"{stem}_{number}.gif")).exists():
        number += 1
    return path
