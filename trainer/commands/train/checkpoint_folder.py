"""The checkpoint folder of a run: opened, checked, and searched for what the run begins with.

A place is what a user gives as the folder: a local path, or a URL of an object store.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints.errors import NoUsableCheckpoint, StoreUnavailable
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.open_store import is_url, split_url
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.selectors import KEYWORDS, is_bare
from trainer.errors import UsageError
from trainer.project import DEFAULT_CHECKPOINT_DIR, shown_path


@dataclass(frozen=True)
class Found:
    """A checkpoint on this machine, the place it belongs to, and those that it stands in for."""

    path: Path
    place: str
    damaged: tuple[Path, ...] = ()


def open_folder(place: str, retention: Retention | None = None) -> CheckpointManager:
    """The manager of a place. UsageError if there can be no such place."""
    try:
        manager = CheckpointManager(place, retention=retention)
    except ValueError as error:
        raise UsageError(f"ppo.checkpoint_dir: {error}") from None
    if manager.directory.exists() and not manager.directory.is_dir():
        raise UsageError(f"ppo.checkpoint_dir: {place} is not a folder")
    return manager


def find(
    selector: str,
    place: str,
    source: str,
    *,
    whole: bool = False,
    retention: Retention | None = None,
) -> Found:
    """The checkpoint for a selector.

    Args:
        selector: latest, best, final, an iteration, a path or a URL.
        place: where keywords and iterations are looked up.
        source: where the selector comes from, for messages; empty: it stands by itself.
        whole: verify it; a damaged one gives way, loudly, to the newest valid older one beside it.
            Nothing is moved yet.
        retention: says what is the best; None: what the folder's own run goes by.

    Raises:
        UsageError: the selector is empty, or the place impossible.
        NoUsableCheckpoint: nothing matches, or nothing valid is left.
        CheckpointsInUse: with `whole`, another run is at work in `place`.
    """
    if not selector.strip():
        raise UsageError(
            f"{source or 'the checkpoint'} is empty; name a checkpoint: latest, best, 50 or a path"
        )
    home, inside = _home_of(selector, place)
    try:
        if whole:
            path, damaged = _newest_whole(open_folder(home, retention), inside, home == place)
            return Found(path, home, tuple(damaged))
        return Found(open_folder(home, retention).open(inside), home)
    except NoUsableCheckpoint as error:
        raise NoUsableCheckpoint(f"{source}: {error}" if source else str(error)) from None


def refuse_occupied(place: str) -> None:
    """Another run's checkpoints would be mixed with this one's, and pruned (UsageError)."""
    manager = open_folder(place)
    manager.check_free()
    existing = manager.list_checkpoints()
    if existing:
        other = place != DEFAULT_CHECKPOINT_DIR
        where = f" --checkpoint-dir {shlex.quote(manager.shown)}" if other else ""
        raise UsageError(
            f"{manager.shown} already holds {len(existing)} checkpoint(s), up to iteration "
            f"{existing[-1]['iteration']}; nothing is overwritten.\n"
            f"Go on from the last one:  python main.py --resume latest{where}\n"
            f"Keep them, use another:   --checkpoint-dir ./checkpoints_2"
        )


def check_writable(place: str) -> None:
    """Raise UsageError if the checkpoints of a run could not be written to a local place."""
    folder = open_folder(place).directory
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        forbidden = not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error}") from None
    if forbidden:
        raise UsageError(
            f"cannot write into {folder}: {existing} forbids it; use another --checkpoint-dir"
        )


def try_writing(place: str) -> None:
    """See that an object store takes checkpoints before hours go by. UsageError if it refuses.

    Raises:
        UsageError: it refuses, as the credentials do not allow it.
        StoreUnavailable: it does not answer.
    """
    manager = open_folder(place)
    try:
        manager.try_writing()
    except StoreUnavailable as error:
        if not error.refused:
            raise
        raise UsageError(f"checkpoints cannot be written: {error}") from None


def _home_of(selector: str, place: str) -> tuple[str, str]:
    """The place in which the checkpoint for a selector lies, and the selector inside it."""
    text = selector.strip()
    if is_url(text):
        elsewhere, name = split_url(text)
        # Typed without its options, as it is shown, it still means this place.
        same = open_folder(elsewhere).shown == open_folder(place).shown
        return (place if same else elsewhere), name
    path = Path(text).expanduser()
    if text in KEYWORDS or text.isdecimal() or (len(path.parts) == 1 and not path.exists()):
        return place, text
    home = open_folder(place)
    if is_bare(text) and home.listing().named(text):
        return place, text
    folder = path.absolute().parent
    return (place if folder == home.directory else shown_path(folder)), str(path.absolute())


def _newest_whole(manager: CheckpointManager, selector: str, own: bool) -> tuple[Path, list[Path]]:
    """See `find`: the checkpoint, and the damaged ones that it stands in for."""
    if own:
        manager.check_free()
    try:
        path, damaged = manager.open_or_older(selector)
    except OSError:
        return manager.open(selector), []
    for item in damaged:
        print(f"warning: {item}", file=sys.stderr)
    if damaged:
        print(
            f"warning: going on from {shown_path(manager.address(path))} instead", file=sys.stderr
        )
    return path, [item.path for item in damaged]
