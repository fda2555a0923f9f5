"""The checkpoint folder of a run: opened, checked, and searched for what the run starts from.

A place is what a user gives as the folder: a local path, or a URL of an object store.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints.errors import NoSuchPath, NoUsableCheckpoint, StoreUnavailable
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.open_store import is_url, split_url
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.selectors import KEYWORDS, is_bare, typed_path
from trainer.cluster.ray_job import in_ray_job
from trainer.errors import UsageError
from trainer.project import DEFAULT_CHECKPOINT_DIR
from trainer.run import run_folder
from trainer.run.saved_run import SavedRun
from trainer.shown_commands import shown_path


@dataclass(frozen=True)
class Resumable:
    """A run that can be resumed, the place it belongs to, and newer checkpoints that cannot."""

    saved: SavedRun
    place: str
    damaged: tuple[Path, ...] = ()


def open_folder(place: str, retention: Retention | None = None) -> CheckpointManager:
    """The manager of a place; UsageError if there can be no such place."""
    try:
        manager = CheckpointManager(place, retention=retention)
    except ValueError as error:
        raise UsageError(f"ppo.checkpoint_dir: {error}") from None
    if manager.directory.exists() and not manager.directory.is_dir():
        raise UsageError(f"ppo.checkpoint_dir: {place} is not a folder")
    return manager


def find(selector: str, place: str, source: str) -> Path:
    """The checkpoint for a selector, on this machine.

    Args:
        selector: latest, best, final, an iteration, a path or a URL.
        place: where keywords and iterations are looked up.
        source: where the selector comes from, for messages; empty: it stands by itself.

    Raises:
        UsageError: the selector is empty, or the place impossible.
        NoUsableCheckpoint: nothing matches.
    """
    with _named(source):
        home, inside = _home_of(selector, place, source)
        return open_folder(home).open(inside)


def find_to_resume(
    selector: str, place: str, source: str, retention: Retention | None = None
) -> Resumable:
    """The run to resume for a selector, every file of it verified.

    A damaged checkpoint gives way, with a warning, to the newest valid older one beside it. Nothing
    is moved yet.

    Args:
        selector: as for `find`, with `place` and `source`.
        place: the folder of the run, which nobody else may be writing to.
        source: where the selector comes from.
        retention: defines the best checkpoint; None: as the folder's own run defines it.

    Raises:
        UsageError: the selector is empty, or the place impossible.
        NoUsableCheckpoint: nothing matches, or nothing valid is left.
        CheckpointsInUse: another run is writing to `place`.
    """
    with _named(source):
        home, inside = _home_of(selector, place, source)
        manager = open_folder(home, retention)
        if home == place:
            manager.check_free()
        try:
            path, damaged = manager.open_or_older(inside)
        except OSError:
            return Resumable(SavedRun.open(manager.open(inside)), home)
    for item in damaged:
        print(f"warning: {item}", file=sys.stderr)
    if damaged:
        instead = shown_path(manager.address(path))
        print(f"warning: resuming from {instead} instead", file=sys.stderr)
    saved = SavedRun.open(path, verified=True)
    return Resumable(saved, home, tuple(item.path for item in damaged))


def refuse_occupied(place: str) -> None:
    """Raises UsageError if another run's checkpoints are there: see `run_folder`."""
    manager = open_folder(place)
    other = place != DEFAULT_CHECKPOINT_DIR
    where = f" --checkpoint-dir {shlex.quote(manager.shown)}" if other else ""
    run_folder.refuse_occupied(
        manager,
        f"Resume the last one:      python main.py --resume latest{where}\n"
        f"Keep them, use another:   --checkpoint-dir {shlex.quote(another_place(place))}",
    )


def another_place(place: str) -> str:
    """A place beside that of a run, for a new one."""
    return shown_path(open_folder(place).shown.rstrip("/") + "_2")


def check_writable(place: str) -> None:
    """Raises UsageError if checkpoints could not be written to a local place."""
    _check_writable(open_folder(place).directory, "use another --checkpoint-dir")


def check_curves_writable(folder: str | None) -> None:
    """Raises UsageError if TensorBoard's files could not be written to a folder; None: to none."""
    if folder is not None:
        cure = "set tracking.tensorboard_dir to another folder, or to null for none"
        _check_writable(Path(folder).expanduser().absolute(), cure)


def _check_writable(folder: Path, cure: str) -> None:
    try:
        existing = _existing(folder)
        forbidden = not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error}") from None
    if forbidden:
        raise UsageError(f"cannot write into {folder}: {existing} forbids it; {cure}")


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def try_writing(place: str) -> None:
    """Checks that a new folder or an object store accepts checkpoints, before hours of training.

    Nothing is left of the trial.

    Raises:
        UsageError: it refuses.
        StoreUnavailable: it does not answer.
    """
    manager = open_folder(place)
    if not is_url(place) and not manager.directory.exists():
        try:  # not every file system shows by permissions that it takes no folder
            os.rmdir(tempfile.mkdtemp(prefix=".trial-", dir=_existing(manager.directory)))  # noqa: PTH106
        except OSError as error:
            raise UsageError(
                f"ppo.checkpoint_dir: cannot write into {manager.shown}: {error.strerror}; "
                "use another --checkpoint-dir"
            ) from None
    try:
        manager.try_writing()
    except StoreUnavailable as error:
        if not error.refused:
            raise
        raise UsageError(f"checkpoints cannot be written: {error}") from None


@contextlib.contextmanager
def _named(source: str) -> Iterator[None]:
    """Puts the source of a selector before the message that nothing was found."""
    try:
        yield
    except NoUsableCheckpoint as error:
        text = f"{error}{_JOB_LOOKS_HERE if isinstance(error, NoSuchPath) and in_ray_job() else ''}"
        raise NoUsableCheckpoint(f"{source}: {text}" if source else text) from None


# A path that a Ray job does not find is seldom wrong where it was typed.
_JOB_LOOKS_HERE = (
    f"\nA Ray job looks for a path where it runs, here on {platform.node()} (the head of the "
    "cluster unless the job asks for resources): give one that this machine sees, or keep the "
    "checkpoints in object storage, as in RESTORE_CHECKPOINT=s3://bucket/prefix/checkpoint_000150"
)


def _home_of(selector: str, place: str, source: str) -> tuple[str, str]:
    """The place in which the checkpoint for a selector lies, and the selector inside it.

    Raises:
        UsageError: the selector is empty.
    """
    text = selector.strip()
    if not text:
        raise UsageError(
            f"{source or 'the checkpoint'} is empty; name a checkpoint: latest, best, 50 or a path"
        )
    if is_url(text):
        elsewhere, name = split_url(text)
        # Typed without its options, as it is shown, it still means this place.
        same = open_folder(elsewhere).shown == open_folder(place).shown
        return (place if same else elsewhere), name
    path = typed_path(text)
    if text in KEYWORDS or text.isdecimal() or (len(path.parts) == 1 and not path.exists()):
        return place, text
    home = open_folder(place)
    if is_bare(text) and home.listing().named(text):
        return place, text
    folder = path.absolute().parent
    return (place if folder == home.directory else shown_path(folder)), str(path.absolute())
