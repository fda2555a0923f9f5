"""Lists the committed checkpoints of a folder, with checkpoint_index.json as a cache.

The folders are the truth. An entry of the index is used only while the stamp of its folder is
unchanged, so a missing, broken or stale index gives the same list as no index, and the file
written from that list is the same, byte for byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic, labels, layout, metadata, pins
from trainer.checkpoints.checkpoint_info import CheckpointInfo, read_checkpoint, stamp_of
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.sidecar import Sidecar, Value

FORMAT = 1
_MAX_BYTES = 32 * 2**20  # above that it is no cache any more
_MAX_VALUES = 1_000_000
_NO_CACHE: Mapping[int, CheckpointInfo] = {}


@dataclass(frozen=True)
class Listing:
    """The contents of a checkpoint folder.

    Attributes:
        checkpoints: the committed ones, by iteration.
        skipped: (name, reason) of whatever else has a checkpoint's name, or is not readable.
    """

    checkpoints: tuple[CheckpointInfo, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def iterations(self) -> list[int]:
        """The iterations of the committed checkpoints, ascending."""
        return [info.iteration for info in self.checkpoints]

    @property
    def latest(self) -> CheckpointInfo | None:
        """The checkpoint with the highest iteration."""
        return self.checkpoints[-1] if self.checkpoints else None

    @property
    def final(self) -> CheckpointInfo | None:
        """The newest checkpoint that is tagged "final"."""
        tagged = [info for info in self.checkpoints if layout.FINAL_TAG in info.tags]
        return tagged[-1] if tagged else None

    @property
    def last_updated(self) -> str | None:
        """The time of the last listed commit, so that a rebuilt index shows the same."""
        times = (info.metadata.get("timestamp") for info in self.checkpoints)
        return max((time for time in times if isinstance(time, str)), default=None)

    def named(self, name: str) -> CheckpointInfo | None:
        """The checkpoint that a user gave this name."""
        having = (info for info in self.checkpoints if info.label and info.label.name == name)
        return next(having, None)

    def get(self, iteration: int) -> CheckpointInfo | None:
        """The checkpoint of one iteration."""
        return next((info for info in self.checkpoints if info.iteration == iteration), None)


def load(directory: Path) -> Listing:
    """Lists a folder, with its pins (as tags) and its labels; nothing is written.

    Raises:
        OSError: the folder cannot be read.
    """
    return annotated(scan(directory, decode(_read_index(directory))), directory)


def update(directory: Path) -> None:
    """Updates the index file of a folder after a change.

    If it cannot be written, listing is only slower.

    Raises:
        OSError: the folder itself cannot be read.
    """
    text = _read_index(directory)
    listing = scan(directory, decode(text))
    fresh = encode(listing)
    if fresh.encode() != text and (listing.checkpoints or text is not None):
        with contextlib.suppress(OSError):
            atomic.write_text(directory / layout.INDEX, fresh)


def updated_at(directory: Path) -> str | None:
    """The local time of the last change of the index file (ISO 8601); None if there is none."""
    try:
        changed = (directory / layout.INDEX).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(changed).isoformat(timespec="seconds")


def annotated(listing: Listing, directory: Path) -> Listing:
    """A listing with the folder's pins, as the tag "pinned", and its labels."""
    skipped = [*listing.skipped]
    pinned = _content(pins.PINS, directory, skipped)
    named = _content(labels.LABELS, directory, skipped)
    infos = [replace(info, label=named.get(info.iteration)) for info in listing.checkpoints]
    infos = [_pinned(info) if info.iteration in pinned else info for info in infos]
    return Listing(tuple(infos), tuple(skipped))


def scan(directory: Path, cached: Mapping[int, CheckpointInfo] = _NO_CACHE) -> Listing:
    """Lists a folder from its sub-folders, reusing entries of `cached` whose stamp still fits."""
    checkpoints, skipped = [], []
    with os.scandir(directory) as entries:
        names = {entry.name: entry.is_symlink() for entry in entries if entry.is_dir()}
    for name, is_link in names.items():
        iteration = layout.iteration_of(name)
        if iteration is None:
            continue
        if is_link:
            skipped.append((name, "a symbolic link; give the path it leads to"))
            continue
        try:
            checkpoints.append(_read(directory / name, iteration, cached.get(iteration)))
        except FileNotFoundError as error:
            if not (directory / name).is_dir():
                continue  # deleted by someone else just now
            missing = os.path.basename(error.filename or "")  # noqa: PTH119 - may be half a path
            skipped.append((name, f"incomplete: no {missing}"))
        except (OSError, ValueError, CheckpointError) as error:
            skipped.append((name, safe_json.first_line(error)))
    checkpoints.sort(key=lambda info: info.iteration)
    return Listing(tuple(checkpoints), tuple(sorted(skipped)))


def encode(listing: Listing) -> str:
    """The text of the index file; it names folders, not paths, so it stays valid after a move."""
    entries = [
        {
            "name": info.name,
            "iteration": info.iteration,
            "size_bytes": info.size_bytes,
            "stamp": list(info.stamp),
            "metadata": dict(info.metadata),
        }
        for info in listing.checkpoints
    ]
    lines = [json.dumps(entry, allow_nan=False) for entry in entries]
    head = {"format": FORMAT, "last_updated": listing.last_updated, "sha256": _digest(lines)}
    body = ",\n".join(lines)
    return f'{json.dumps(head)[:-1]}, "checkpoints": [\n{body}\n]}}\n'


def decode(text: bytes | None) -> dict[int, CheckpointInfo]:
    """The entries of an index file by iteration; none if it is damaged or of another format."""
    if text is None:
        return {}
    try:
        document = safe_json.decode(text, _MAX_VALUES)
        lines = [json.dumps(item) for item in document["checkpoints"]]
        if document["format"] != FORMAT or document["sha256"] != _digest(lines):
            return {}
        infos = [_entry(item) for item in document["checkpoints"]]
        return {info.iteration: info for info in infos}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _entry(item: Mapping[str, Any]) -> CheckpointInfo:
    first, second, third, fourth = stamp = item["stamp"]
    own, size = item["metadata"], item["size_bytes"]
    numbers = (item["iteration"], *stamp)
    if any(type(number) is not int for number in numbers) or not safe_json.is_size(size):
        raise TypeError("not an entry")
    own = metadata.plain(dict(own), layout.INDEX)
    return CheckpointInfo(item["iteration"], own, size, (first, second, third, fourth))


def _content(
    sidecar: Sidecar[Value], directory: Path, skipped: list[tuple[str, str]]
) -> Mapping[int, Value]:
    """What a sidecar file says; of a broken one nothing, and it is added to `skipped`."""
    try:
        return sidecar.read(directory)
    except CheckpointError as error:
        skipped.append((sidecar.name, safe_json.first_line(error)))
        return {}


def _pinned(info: CheckpointInfo) -> CheckpointInfo:
    if layout.PINNED_TAG in info.tags:
        return info
    return replace(info, metadata={**info.metadata, "tags": [*info.tags, layout.PINNED_TAG]})


def _read(folder: Path, iteration: int, cached: CheckpointInfo | None) -> CheckpointInfo:
    stamp = stamp_of(folder)
    if cached is not None and cached.stamp == stamp:
        return cached
    return read_checkpoint(folder, iteration, stamp)


def _read_index(directory: Path) -> bytes | None:
    try:
        with os.scandir(directory) as entries:
            limit = min(_MAX_BYTES, sum(metadata.MAX_BYTES for _ in entries))
        path = directory / layout.INDEX
        return safe_json.read_bytes(path, limit)
    except (OSError, ValueError):
        return None


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
