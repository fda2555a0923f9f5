"""Finds the folder of a checkpoint for a selector: latest, best, final, 50, a name or a path."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from trainer.checkpoints import index, layout, ranking
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.errors import NoSuchPath, NoUsableCheckpoint
from trainer.checkpoints.index import Listing
from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean, nearest

logger = logging.getLogger(__name__)

LATEST, BEST = "latest", "best"
_DIGITS = 18
_MOST_NAMED = 4  # folders in a message
KEYWORDS = (LATEST, BEST, "final")

Selector = str | int | Path
"""What a user names a checkpoint by: see `find`."""


def find(
    selector: Selector,
    listing: Listing,
    directory: Path,
    shown: str,
    by: BestBy | None = None,
) -> Path:
    """The folder of the selected checkpoint.

    A name that the user gave precedes a path; './good' is always a path.

    Args:
        selector: a keyword, an iteration, a name or a path.
        listing: the checkpoints of `directory`.
        directory: where keywords, iterations and names are looked up.
        shown: the directory in messages.
        by: what "best" goes by; None: what the newest checkpoint's run goes by.

    Raises:
        NoUsableCheckpoint: there is none; the message names what exists.
    """
    if isinstance(selector, Path):
        return _from_path(selector, listing, directory, shown)
    text = str(selector).strip()
    if not text:
        raise NoUsableCheckpoint(
            "an empty text names no checkpoint; give latest, best, final, an iteration or a path"
        )
    is_number = isinstance(selector, int) or (text.isdecimal() and len(text) <= _DIGITS)
    if (is_number or text in KEYWORDS) and not listing.checkpoints:
        raise none_found(shown, directory)
    if text in KEYWORDS:
        return directory / _from_keyword(text, listing, shown, by).name
    if is_number:
        info = listing.get(int(selector))
        if info is None:
            raise _no_iteration(int(selector), listing, shown)
        return directory / info.name
    named = listing.named(text) if is_bare(text) else None
    if named is not None:
        return Path(os.path.abspath(directory / named.name))  # noqa: PTH100
    try:
        return _from_path(Path(text), listing, directory, shown)
    except OSError as error:  # too long for a name, not permitted, ...
        raise NoUsableCheckpoint(
            f"no such checkpoint: {safe_json.shown(text)} ({error.strerror})"
        ) from None


def is_bare(text: str) -> bool:
    """Whether a selector may be a name: './good' and 'good/' are always paths."""
    return Path(text).name == text


def iteration_inside(folder: Path, directory: Path, shown: str) -> int:
    """The iteration of a checkpoint that lies directly in `directory`.

    Raises:
        NoUsableCheckpoint: it lies elsewhere, or is a copy with another kind of name.
    """
    iteration = layout.iteration_of(folder.name)
    if iteration is None or folder.parent.resolve() != directory.resolve():
        raise NoUsableCheckpoint(
            f"{folder} is not among the checkpoints of {shown}, which alone are pruned"
        )
    return iteration


def none_found(shown: str, directory: Path) -> NoUsableCheckpoint:
    """The error for a folder without any checkpoint, which may be absent.

    Args:
        shown: the folder or URL in messages.
        directory: the folder itself.
    """
    usual = Path(shown) == Path("checkpoints")  # where training would make it
    where = "" if usual else f" --checkpoint-dir {shown}"
    others = "" if "://" in shown else _beside(shown, directory)
    if usual or "://" in shown or directory.is_dir():
        return NoUsableCheckpoint(
            f"no checkpoints found in {shown}; start training with: python main.py{where}"
            + (others and f"\n{others}")
        )
    missing = f"no such directory: {shown}; {others or nearest_existing(directory)}"
    return NoUsableCheckpoint(f"{missing}\nstart training there with: python main.py{where}")


def _beside(shown: str, directory: Path) -> str:
    """Says which folders beside one without checkpoints have some; empty if none has."""
    name = Path(shown).name
    if name in ("", ".."):
        return ""
    found = {
        path.parents[1].name
        for path in directory.absolute().parent.glob(f"*/*/{layout.MANIFEST}")
        if layout.iteration_of(path.parent.name) is not None
    }
    home = shown.rstrip("/").removesuffix(name) or "./"
    paths = [home + folder for folder in sorted(found - {name})]
    named = [*paths[:_MOST_NAMED], *["..."] * (len(paths) > _MOST_NAMED)]
    return f"there are checkpoints in {', '.join(named)}" if named else ""


def no_such_directory(shown: str, directory: Path) -> NoUsableCheckpoint:
    """The error for a folder that does not exist; it names the nearest that does."""
    return NoUsableCheckpoint(f"no such directory: {shown}; {nearest_existing(directory)}")


def _from_keyword(keyword: str, listing: Listing, shown: str, by: BestBy | None) -> CheckpointInfo:
    if keyword == BEST and (note := ranking.fallback_note(listing.checkpoints, by)):
        logger.warning("%s: %s", shown, note)
    by = ranking.in_force(listing.checkpoints, by or ranking.best_by(listing.checkpoints))
    top = next(iter(ranking.ranked(listing.checkpoints, by)), None)
    picked = {LATEST: listing.latest, BEST: top, "final": listing.final}[keyword]
    if picked is None:
        lack = f"knows its {by.metric}" if keyword == BEST else "is tagged final"
        raise NoUsableCheckpoint(
            f"no checkpoint in {shown} {lack}; the latest is iteration {listing.iterations[-1]}"
        )
    return picked


def _no_iteration(iteration: int, listing: Listing, shown: str) -> NoUsableCheckpoint:
    skipped = dict(listing.skipped)
    name = layout.checkpoint_name(iteration) if iteration >= 0 else ""
    why = f" ({name} is {skipped[name]})" if name in skipped else ""
    below = [i for i in listing.iterations if i < iteration]
    above = [i for i in listing.iterations if i > iteration]
    close = ", ".join(map(str, (*below[-1:], *above[:1])))
    return NoUsableCheckpoint(
        f"no checkpoint for iteration {iteration} in {shown}{why}; nearest: {close}"
    )


def _from_path(path: Path, listing: Listing, directory: Path, shown: str) -> Path:
    """The checkpoint at a path, whose last part may be the name that a user gave.

    A path without a folder is looked up in the checkpoint directory too.
    """
    path = typed_path(path)
    bare = len(path.parts) == 1 and not path.is_absolute()
    candidates = [path, directory / path] if bare else [path]
    for candidate in candidates:
        if (candidate / layout.MANIFEST).is_file():
            return Path(os.path.abspath(candidate))  # noqa: PTH100 - keeps links the user chose
    for candidate in candidates:
        if candidate.exists():
            raise NoUsableCheckpoint(_why_unusable(candidate))
    if not bare and not path.parent.is_dir():
        raise no_such_path(path)
    if not bare:
        directory, shown = path.parent, str(path.parent)
        listing = index.annotated(index.scan(directory), directory)
    named = listing.named(path.name)
    if named is not None:
        return Path(os.path.abspath(directory / named.name))  # noqa: PTH100
    found = _no_path(path, listing, directory, shown)
    raise found if bare else no_such_path(path, str(found))


def typed_path(text: str | os.PathLike[str]) -> Path:
    """A path as a user typed it, with `~` resolved where it names a home.

    Raises:
        NoUsableCheckpoint: no file system takes it.
    """
    path = Path(text)
    try:
        with contextlib.suppress(RuntimeError):  # of a user who does not exist
            path = path.expanduser()
        path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NoUsableCheckpoint(
            f"no such checkpoint: {safe_json.shown(text)}: {safe_json.shown(reason)}"
        ) from None
    return path


def no_such_path(path: Path, instead: str = "") -> NoSuchPath:
    """The error for a path that does not exist; it names the nearest path without `instead`."""
    instead = instead.removeprefix(f"no such checkpoint: {path}").removeprefix("; ")
    return NoSuchPath(
        f"Checkpoint path does not exist: {path}; {instead or nearest_existing(path)}"
    )


def nearest_existing(missing: Path) -> str:
    """The closest existing path to one with a mistyped part, else the closest existing folder."""
    missing = missing.absolute()
    parent = next(path for path in missing.parents if path.is_dir())
    step, *rest = missing.relative_to(parent).parts
    try:
        names = [path.name for path in parent.iterdir() if path.is_dir()]
    except OSError:  # not permitted
        names = []
    close = nearest(step, names)
    if close is None:
        return f"nearest existing: {parent}"
    whole = parent.joinpath(close, *rest)
    return f"did you mean {whole if whole.exists() else parent / close}?"


def _why_unusable(path: Path) -> str:
    if not path.is_dir():
        own = next((p for p in path.parents if (p / layout.MANIFEST).is_file()), None)
        hint = ", not a checkpoint" if own is None else f"; give its checkpoint folder: {own}"
        return f"{path} is a file{hint}"
    inside = index.scan(path).latest
    if inside is not None:
        return f"{path} is a folder of checkpoints; give one of them: {path / inside.name}"
    return f"{path} is not a complete checkpoint: it has no {layout.MANIFEST}"


def _no_path(path: Path, listing: Listing, directory: Path, shown: str) -> NoUsableCheckpoint:
    iteration = layout.iteration_of(path.name)
    if iteration is not None and listing.checkpoints:
        return _no_iteration(iteration, listing, shown)
    copies = sorted(found.parent.name for found in directory.glob(f"*/{layout.MANIFEST}"))
    if not copies:
        bare = len(path.parts) == 1 and not path.is_absolute()
        found = none_found(shown, directory)
        return found if bare else NoUsableCheckpoint(f"no checkpoints found in {shown}")
    given = [info.label.name for info in listing.checkpoints if info.label]
    unknown = dict(listing.skipped).get(layout.LABELS)
    why = f" ({layout.LABELS} is not readable: {unknown})" if unknown else ""
    meant = did_you_mean(path.name, [*KEYWORDS, *given, *copies])
    return NoUsableCheckpoint(f"no such checkpoint: {path}{why}{meant}")
