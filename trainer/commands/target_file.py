"""The file that a picture is written to. Imports nothing heavy: a mistake is reported at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from trainer.checkpoints.selectors import nearest_existing
from trainer.errors import UsageError


def check_target(option: str, text: str, suffixes: Sequence[str], *, overwrite: bool) -> Path:
    """The file to write. UsageError if it has no such suffix, is in no folder, or is there."""
    path = Path(text).expanduser()
    told = f"{option} {text}"
    if path.suffix.lower() not in suffixes:
        given = f"{path.suffix} is not supported" if path.suffix else "the name has no extension"
        kinds = " or ".join(suffixes)
        raise UsageError(f"{told}: {given}; name a {kinds} file, such as {path.stem}{suffixes[0]}")
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"{told}: there is no folder {folder}; {nearest_existing(folder)}")
    if path.is_dir():
        raise UsageError(f"{told}: that is a folder")
    if path.exists() and not overwrite:
        raise UsageError(f"{told}: the file exists; add --yes to replace it")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{told}: no permission to write in {folder}")
    return path


def free_name(stem: str) -> Path:
    """`stem`_1.gif in the working directory, or the next number that nothing has yet."""
    number = 1
    while (path := Path(f"{stem}_{number}.gif")).exists():
        number += 1
    return path
