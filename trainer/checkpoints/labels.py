"""Names and notes that a user gave to checkpoints.

`labels.json` is `{"format": 1, "labels": [{"iteration": 200, "name": "hides_well", "note": ""}]}`;
see `sidecar`. A name belongs to one checkpoint of its folder, and a checkpoint has at most one. A
named checkpoint is kept like a pinned one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.redaction import redacted
from trainer.checkpoints.sidecar import Sidecar, is_iteration

MAX_NAME, MAX_NOTE = 40, 500
# What the selectors, the demo's players and its question already give a meaning.
RESERVED = frozenset({"latest", "best", "final", "auto", "random", "q", "quit", "exit"})
# Scripted players: no checkpoint is called so any more. Those that already are keep their names.
PLAYERS = frozenset({"chaser", "searcher", "ramp_user", "runner", "blocker"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Label:
    """The name of a checkpoint and a note about it, which may be empty."""

    name: str
    note: str = ""


Labels = Mapping[int, Label]  # by iteration


def find(labels: Labels, name: str) -> int | None:
    """The iteration with a name; None if there is none."""
    return next((i for i, label in labels.items() if label.name == name), None)


def give(
    directory: Path, iteration: int, name: str, note: str | None = None, *, move: bool = False
) -> bool:
    """Names a checkpoint; without a `note` it keeps the one it has.

    Returns whether anything changed; raises as `Sidecar.change` too.

    Raises:
        ValueError: the name is not allowed, or another checkpoint has it and it is not to `move`.
    """
    check_name(name)
    if name.lower() in PLAYERS:
        raise ValueError(f"{name!r} cannot be a name, for a player of the demo is called so")
    if os.path.lexists(directory / name):
        raise ValueError(f"{name!r} cannot be a name: {directory / name} is a path already")
    if note is not None:
        _check_note(note)
        note = redacted(note)

    def edit(labels: Labels) -> Labels:
        owner = find(labels, name)
        if owner not in (None, iteration) and not move:
            raise ValueError(
                f"{name!r} is the name of {layout.checkpoint_name(owner or 0)}; "
                "--force gives it to another one"
            )
        kept = {i: label for i, label in labels.items() if i != owner}
        known = labels[iteration].note if iteration in labels else ""
        return kept | {iteration: Label(name, known if note is None else note)}

    return LABELS.change(directory, edit)


def check_name(name: str) -> None:
    """Checks that a name is allowed.

    Raises:
        ValueError: it is not; the message says why.
    """
    shown = safe_json.shown(name)
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ValueError(
            f"{shown!r} cannot be a name: letters, digits, '_', '-' and '.', at most {MAX_NAME}, "
            "beginning with none of the last two"
        )
    if name.lower() in RESERVED or _is_number(name):
        raise ValueError(f"{shown!r} cannot be a name, for it selects a checkpoint otherwise")
    if layout.is_own_name(name):
        raise ValueError(f"{shown!r} cannot be a name, for folders are called so")


def _check_note(note: str) -> None:
    if len(note) > MAX_NOTE or not note.isprintable():
        raise ValueError(f"a note is one line of at most {MAX_NOTE} characters")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _decode(value: Any) -> dict[int, Label]:
    if not isinstance(value, list):
        raise ValueError("'labels' is not a list of labels")
    entries = [_entry(item) for item in value]
    found = dict(entries)
    if len(found) < len(entries) or len({label.name for _, label in entries}) < len(entries):
        raise ValueError("a name or an iteration is there twice")
    return found


def _entry(item: Any) -> tuple[int, Label]:
    if not isinstance(item, dict):
        raise ValueError(f"{safe_json.shown(item)} is no label")
    iteration, name, note = item.get("iteration"), item.get("name"), item.get("note")
    if not is_iteration(iteration):
        raise ValueError(f"{safe_json.shown(iteration)} is no iteration")
    if not isinstance(name, str) or not isinstance(note, str):
        raise ValueError(f"the label of {iteration} is not a name and a note")
    check_name(name)
    _check_note(note)
    return iteration, Label(name, note)


def _encode(labels: Labels) -> list[dict[str, Any]]:
    return [{"iteration": i, **asdict(label)} for i, label in sorted(labels.items())]


LABELS = Sidecar[Label](layout.LABELS, "labels", _decode, _encode)
