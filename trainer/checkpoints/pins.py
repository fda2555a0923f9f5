"""Pinned checkpoints: kept whatever the retention says, until they are unpinned.

A checkpoint is sealed by its manifest, so the pins of a folder are in a file beside its
checkpoints, `{"format": 1, "pinned": [50, 100]}`. Who reads a list passes over a broken file; who
deletes must not, or a slip in that file would cost the checkpoints it was to protect.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trainer.checkpoints import atomic, documents, layout, locks, metadata
from trainer.checkpoints.errors import PinsUnreadable

FORMAT = 1
_HIGHEST = 10**15


def read(directory: Path) -> frozenset[int]:
    """The pinned iterations of a folder. PinsUnreadable if the file is there and makes no sense."""
    path = directory / layout.PINS
    try:
        document = documents.read(path)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise PinsUnreadable(path, documents.first_line(error)) from None
    if type(document.get("format")) is not int or document["format"] != FORMAT:
        given = documents.shown(document.get("format"))
        raise PinsUnreadable(path, f"format {given} is unknown; this version reads {FORMAT}")
    pinned = document.get("pinned")
    if not isinstance(pinned, list):
        raise PinsUnreadable(path, "'pinned' is not a list of iterations")
    for item in pinned:
        if type(item) is not int or not 0 <= item <= _HIGHEST:
            raise PinsUnreadable(path, f"{documents.shown(item)} is no iteration")
    return frozenset(pinned)


def change(directory: Path, *, add: Iterable[int] = (), remove: Iterable[int] = ()) -> bool:
    """Pin and unpin iterations; whether anything changed.

    PinsUnreadable if the file is broken, CheckpointsInUse if somebody holds the folder for long,
    OSError if it cannot be written.
    """
    with locks.mutex(directory):
        before = read(directory)
        after = (before | frozenset(add)) - frozenset(remove)
        if after == before:
            return False
        document = {"format": FORMAT, "pinned": sorted(after)}
        atomic.write_text(directory / layout.PINS, metadata.encode(document))
        return True


def move(source: Path, target: Path, after: int) -> None:
    """Take the pins of later iterations along to the folder their checkpoints were moved to."""
    moved = [iteration for iteration in read(source) if iteration > after]
    if moved:
        change(target, add=moved)
        change(source, remove=moved)
