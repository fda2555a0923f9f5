"""The contents of a checkpoint folder on disk, as far as the manifest describes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints import finite_weights, layout
from trainer.checkpoints.safe_io import safe_json, tensor_file

# Two policies of the largest size, twice, with their optimizers, and as much for the environments.
# A sparse file has any size at no cost, and would be read for hours.
MAX_TOTAL = 4 * 2**30
_MAX_WEIGHTS = 2 * tensor_file.MAX_BYTES


@dataclass
class FolderContents:
    """The contents of a folder.

    Attributes:
        sizes: bytes of its plain files by relative POSIX name, without the manifest.
        policies: names of its policy folders.
        odd: links, pipes and the like.
    """

    sizes: dict[str, int]
    policies: list[str]
    odd: list[str]


def walk(folder: Path) -> FolderContents:
    """Everything under `folder` except its manifest, following no symbolic link."""
    found = FolderContents({}, [], [])
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                    if prefix == f"{layout.POLICIES}/":
                        found.policies.append(entry.name)
                elif not entry.is_file(follow_symlinks=False):
                    found.odd.append(name)
                elif name != layout.MANIFEST:
                    found.sizes[name] = entry.stat(follow_symlinks=False).st_size
    return found


def too_large(sizes: Mapping[str, int]) -> str | None:
    """What is too large to be read, according to the file system."""
    total = sum(sizes.values())
    weights = sum(size for name, size in sizes.items() if finite_weights.is_weights(name))
    if total > MAX_TOTAL:
        largest = max(sizes, key=sizes.__getitem__)
        return f"{largest}: its files have {total} bytes together, more than {MAX_TOTAL}"
    if weights > _MAX_WEIGHTS:
        return f"{layout.POLICIES}/: the weights have {weights} bytes, more than {_MAX_WEIGHTS}"
    return None


def missing_files(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """One line for each missing file, or for the outermost folder that is missing with it."""
    gone: dict[str, int] = {}
    for name in names:
        parts = name.split("/")
        ancestors = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
        lost = next((path for path in ancestors if not os.path.lexists(folder / path)), name)
        gone[lost] = gone.get(lost, 0) + 1
    for lost, count in gone.items():
        yield f"{lost}: missing" if count == 1 else f"{lost}/: missing with its {count} files"


def sha256(path: Path) -> str:
    """The SHA-256 of a plain file.

    Raises:
        OSError: it is not readable, or no plain file.
    """
    try:
        with safe_json.open_plain(path) as file:  # a pipe put there meanwhile would never end
            return hashlib.file_digest(file, "sha256").hexdigest()
    except ValueError as error:
        raise OSError(str(error)) from None
