"""The summary of a committed checkpoint, as shown in listings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout, manifest, metadata
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.labels import Label

# Modification time [ns] and bytes of manifest.json and metadata.json: equal stamp, equal content.
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class CheckpointInfo:
    """A committed checkpoint.

    Attributes:
        metadata: strict JSON values, as in metadata.json.
        size_bytes: of all its files.
        stamp: changes whenever its content does.
        label: the name and note that a user gave it.
    """

    iteration: int
    metadata: Mapping[str, Any]
    size_bytes: int
    stamp: Stamp
    label: Label | None = None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return layout.checkpoint_name(self.iteration)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, such as "final"."""
        return metadata.as_texts(self.metadata.get("tags"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with its policies; empty if nothing is known to be."""
        return metadata.as_texts(self.metadata.get("warnings"))

    def number(self, key: str) -> float:
        """A metadata value as a number; nan if it is unknown or no number."""
        if key == "iteration":
            return float(self.iteration)
        return metadata.number(self.metadata, key)

    def as_dict(self, address: str) -> dict[str, Any]:
        """The metadata for Python readers, with the present address of the checkpoint."""
        own = {
            "iteration": self.iteration,
            "checkpoint_path": address,
            "size_bytes": self.size_bytes,
            "name": self.label.name if self.label else None,
            "note": self.label.note if self.label else None,
        }
        return metadata.view(self.metadata) | own


def stamp_of(folder: Path) -> Stamp:
    """The stamp of a checkpoint.

    Raises:
        OSError: it has no manifest or no metadata, so it is not committed.
    """
    first, second = (folder / layout.MANIFEST).lstat(), (folder / layout.METADATA).lstat()
    return (first.st_mtime_ns, first.st_size, second.st_mtime_ns, second.st_size)


def read_checkpoint(folder: Path, iteration: int, stamp: Stamp) -> CheckpointInfo:
    """Reads the summary of one checkpoint; files are not hashed.

    Raises:
        OSError, ValueError, CheckpointError: it is no usable checkpoint of that iteration.
    """
    document = metadata.read(folder)
    saved_as = document.get("iteration")
    if saved_as != iteration or isinstance(saved_as, bool):
        raise CheckpointError(metadata.another_iteration(saved_as))
    document.pop("checkpoint_path", None)  # where it was saved, not where it is after a move
    document = metadata.plain(document, layout.METADATA)
    size = manifest.read(folder).size_bytes + stamp[1]
    return CheckpointInfo(iteration, document, size, stamp)
