"""The local mirror of a prefix in an object store: which of its checkpoints the store has.

A checkpoint that is in the store has a mark, `.stored`, with size and time of the manifest object.
One without it was committed on this machine and waits for upload. Of one that came from the store
only the head may be here: manifest.json and metadata.json, which is what a list needs.
"""

from __future__ import annotations

from pathlib import Path

from trainer.checkpoints import layout
from trainer.checkpoints.branches import branch_folders
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.remote.client import Entry
from trainer.checkpoints.safe_io import safe_json

MARK = ".stored"


def write_mark(folder: Path, manifest_object: Entry) -> None:
    """Marks a checkpoint as being in the store."""
    (folder / MARK).write_text(f"{manifest_object.size} {manifest_object.mtime_ns}\n")


def read_mark(folder: Path) -> Entry | None:
    """The manifest object of a checkpoint according to its mark; None if it has none."""
    try:
        size, mtime_ns = safe_json.read_bytes(folder / MARK, limit=100).split()
        return Entry(int(size), int(mtime_ns))
    except (OSError, ValueError):
        return None


def stored(directory: Path) -> dict[str, Entry]:
    """The checkpoints with a mark, those in branch folders too, by their name in the store."""
    marks = {name: read_mark(directory / name) for name in committed(directory)}
    return {name: mark for name, mark in marks.items() if mark is not None}


def waiting(directory: Path) -> list[str]:
    """The checkpoints that the store does not have, by name, oldest first."""
    return [name for name in committed(directory) if read_mark(directory / name) is None]


def committed(directory: Path) -> list[str]:
    """All checkpoints, those in branch folders too, by their name in the store."""
    if not directory.is_dir():
        return []
    found = [
        folder
        for parent in (directory, *branch_folders(directory))
        for folder in parent.iterdir()
        if layout.iteration_of(folder.name) is not None and (folder / layout.MANIFEST).is_file()
    ]
    found.sort(key=lambda folder: (folder.parent != directory, layout.iteration_of(folder.name)))
    return [folder.relative_to(directory).as_posix() for folder in found]


def absent(folder: Path, manifest: Manifest) -> list[str]:
    """The files of a checkpoint that are not here, judged by their sizes."""
    return [name for name, record in manifest.files.items() if _size(folder / name) != record.size]


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None
