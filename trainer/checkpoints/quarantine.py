"""Falls back from a damaged checkpoint to the newest valid older one, and quarantines damaged ones.

Quarantine deletes nothing: the folder is renamed to `broken_checkpoint_000050_<time>`, which no
list takes for a checkpoint, and its plot and history stay where they are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import atomic, index, labels, layout, metadata, selectors
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint, SidecarUnreadable
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.selectors import Selector
from trainer.checkpoints.store import Store


@dataclass(frozen=True)
class Damaged:
    """A damaged checkpoint and what is wrong with it.

    Attributes:
        refused: the disk did not let it be read, which does not prove that it is damaged.
    """

    path: Path
    problems: tuple[str, ...]
    refused: bool = False

    @classmethod
    def of(cls, error: CheckpointCorrupted) -> Damaged:
        """The checkpoint that an error is about."""
        return cls(error.path, error.problems, isinstance(error.__cause__, OSError))

    def __str__(self) -> str:
        return f"{self.path} is damaged ({_listed(self.problems)})"


@dataclass(frozen=True)
class Quarantined:
    """A damaged checkpoint that was moved away.

    Attributes:
        path: where it was.
        moved_to: where it is now; None if it could not be moved.
    """

    path: Path
    moved_to: Path | None
    problems: tuple[str, ...]

    def __str__(self) -> str:
        where = f"moved to {self.moved_to.name}" if self.moved_to else "could not be moved aside"
        return f"{self.path} is damaged ({_listed(self.problems)}); {where}"


def open_or_older(selector: Selector, store: Store) -> tuple[Path, list[Damaged]]:
    """The selected checkpoint or the newest valid older one, and the damaged ones in between.

    Every file is compared with its manifest; nothing is changed.

    Raises:
        NoUsableCheckpoint: nothing matches the selector, or nothing valid is left.
    """
    damaged: list[Damaged] = []
    for folder, flaw in _candidates(selector, store.directory, store.shown):
        found = _check(folder, flaw, store)
        if found is None:
            return folder, damaged
        damaged.append(found)
    raise NoUsableCheckpoint(_nothing_left(damaged))


def move_damaged(paths: Iterable[Path], store: Store, when: datetime) -> list[Quarantined]:
    """Quarantines those checkpoints that still exist and are still damaged."""
    found = [
        _check(path, dict(unlisted(path.parent)).get(path), store)
        for path in paths
        if path.is_dir()
    ]
    return [move(damaged, when, store) for damaged in found if damaged is not None]


def _check(folder: Path, flaw: str | None, store: Store) -> Damaged | None:
    """What is wrong with a checkpoint; None if it is valid. `flaw` is what a list says of it."""
    try:
        store.verify(folder)
    except CheckpointCorrupted as error:
        return Damaged.of(error)
    return None if flaw is None else Damaged(folder, (flaw,))


def move(damaged: Damaged, when: datetime, store: Store) -> Quarantined:
    """Renames a damaged checkpoint; one that the disk refused to read is only reported."""
    folder, attempt, moved = damaged.path, 1, None
    while not damaged.refused and moved is None:
        target = folder.with_name(layout.quarantine_name(folder.name, when, attempt))
        try:
            atomic.rename_folder(folder, target)
        except FileExistsError:
            attempt += 1
        except OSError:
            break
        else:
            moved = target
            store.renamed(folder, target)
    return Quarantined(folder, moved, damaged.problems)


def unlisted(directory: Path) -> Iterator[tuple[Path, str]]:
    """Folders named like a checkpoint that are none, with the reason; links are left out."""
    for name, reason in _listing(directory).skipped:
        if layout.iteration_of(name) is not None and not (directory / name).is_symlink():
            yield directory / name, reason


def _candidates(selector: Selector, directory: Path, shown: str) -> list[tuple[Path, str | None]]:
    """The selected folder, then the older ones beside it, newest first.

    Each with its flaw, if that is visible without hashing.
    """
    if str(selector).strip() == selectors.LATEST:
        found = _not_after(directory, None)
        if not found:
            raise selectors.none_found(shown, directory)
        return found
    folder = _flawed_folder(selector, directory)
    if folder is None:
        folder = selectors.find(selector, _listing(directory), directory, shown)
    iteration = layout.iteration_of(folder.name)
    if iteration is not None:
        beside = _not_after(folder.parent, iteration)
        return beside if beside and beside[0][0] == folder else [(folder, None), *beside]
    saved_as = _saved_as(folder)  # a copy under a name of its own
    older = [] if saved_as is None else _not_after(folder.parent, saved_as - 1)
    return [(folder, None), *older]


def _not_after(directory: Path, iteration: int | None) -> list[tuple[Path, str | None]]:
    """The folders named like a checkpoint up to an iteration (None: all), newest first."""
    found: dict[int, tuple[Path, str | None]] = {
        info.iteration: (directory / info.name, None) for info in _listing(directory).checkpoints
    }
    for path, flaw in unlisted(directory):
        found[layout.iteration_of(path.name) or 0] = path, flaw
    return [found[i] for i in sorted(found, reverse=True) if iteration is None or i <= iteration]


def _flawed_folder(selector: Selector, directory: Path) -> Path | None:
    """The folder that an iteration or a path names, if a listing would skip it."""
    folder = _folder_meant(selector, directory)
    if folder is None or all(folder != path for path, _ in unlisted(folder.parent)):
        return None
    return folder


def _folder_meant(selector: Selector, directory: Path) -> Path | None:
    """The folder that an iteration or a path names, whether or not it is a checkpoint."""
    text = str(selector).strip()
    if not isinstance(selector, Path) and text in selectors.KEYWORDS:
        return None
    if isinstance(selector, int) or (not isinstance(selector, Path) and text.isdecimal()):
        with contextlib.suppress(ValueError):  # negative, or absurdly long
            return directory / layout.checkpoint_name(int(selector))
        return None
    try:
        path = selectors.typed_path(text)
        named = None
        if not isinstance(selector, Path) and selectors.is_bare(text):
            named = _iteration_named(directory / text)
        if named is not None or (not path.exists() and len(path.parts) == 1):
            path = directory / path
        if named is None and not path.exists():
            named = _iteration_named(path)
    except (NoUsableCheckpoint, OSError):  # too long for a name
        return None
    if named is not None:
        path = path.with_name(layout.checkpoint_name(named))
    return Path(os.path.abspath(path))  # noqa: PTH100 - keeps links the user chose


def _iteration_named(path: Path) -> int | None:
    """The iteration that the last part of a path names in the folder before it."""
    try:
        return labels.find(labels.LABELS.read(path.parent), path.name)
    except SidecarUnreadable:
        return None


def _listing(directory: Path) -> index.Listing:
    try:
        return index.load(directory)
    except OSError:
        return index.Listing(())


def _saved_as(folder: Path) -> int | None:
    """The iteration of a checkpoint under any folder name; None if its metadata lacks it."""
    try:
        return metadata.as_count(metadata.read(folder).get("iteration"))
    except (OSError, ValueError):
        return None


def _listed(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return "; ".join(problems[:3]) + more


def _nothing_left(damaged: Sequence[Damaged]) -> str:
    names = ", ".join(
        f"{item.path.name} ({safe_json.shown(item.problems[0])})" for item in damaged[:8]
    )
    folder = damaged[0].path.parent
    quarantined = {item.path.name for item in damaged}
    listed = _listing(folder).checkpoints
    newer = [info.iteration for info in listed if info.name not in quarantined]
    also = f"; not older, but there: {', '.join(map(str, newer[:8]))}" if newer else ""
    return (
        f"no usable checkpoint in {folder}: damaged: {names}{also}\n"
        "Nothing was deleted; look at them with: "
        f"python -m trainer.checkpoints verify {folder}"
    )
