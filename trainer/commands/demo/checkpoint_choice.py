"""Which checkpoint to play: from a selector, from a list on the terminal, or the latest.

Imports neither torch nor numpy, so that the list is there at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trainer.checkpoints import layout, ranking, selectors
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
from trainer.checkpoints.index import Listing
from trainer.commands.checkpoint_tools.metadata_text import date, fixed
from trainer.commands.players.shelf import Shelf
from trainer.commands.tables import Column, aligned
from trainer.reporting.formatting import UNKNOWN
from trainer.reporting.terminal import Style
from trainer.shown_commands import with_commands

SHOWN = 20  # rows of the list; more would push its beginning off the screen
_RULE = "-" * 50
_LEAVE = ("q", "quit", "exit")


def ask(shelf: Shelf, style: Style, read: Callable[[str], str] = input) -> Path | None:
    """Shows the list and asks until the answer is a sound checkpoint; None: the user leaves.

    Raises:
        NoUsableCheckpoint: there is nothing to choose from.
    """
    latest = shelf.listing.latest
    if latest is None:
        raise selectors.none_found(shelf.shown, shelf.directory)
    print(style.paint(f"Checkpoints in {shelf.shown}", "1"))
    print(*checkpoint_rows(shelf.listing, style), sep="\n")
    print("An iteration number, latest, best, final, a name or a path; Enter = latest, q = leave.")
    while True:
        try:
            answer = read(f"Select checkpoint [{latest.iteration}]: ").strip()
        except EOFError:
            print()
            return None
        if answer.lower() in _LEAVE:
            return None
        try:
            return shelf.find(answer or "latest")
        except (NoUsableCheckpoint, CheckpointCorrupted) as error:
            print(with_commands(str(error).splitlines()[0]))


def checkpoint_rows(listing: Listing, style: Style) -> list[str]:
    """The newest checkpoints as an aligned table with the best and the final ones marked."""
    best = ranking.best(listing.checkpoints)
    shown = list(listing.checkpoints[-SHOWN:])
    older = len(listing.checkpoints) - len(shown)
    if best is not None and best not in shown:
        shown.insert(0, best)
    columns: tuple[Column[CheckpointInfo], ...] = (
        Column("Iter", lambda info: str(info.iteration), least=8),
        Column("Date", _date, text=True, least=16),
        Column("Reward", lambda info: fixed(info.number("reward_mean")), least=9),
    )
    head, *lines = aligned(columns, shown)
    rows = [head, _RULE]
    if older:
        hint = with_commands("python list_checkpoints.py shows them all")
        rows.append(f"{'...':>8}  {older} older ones ({hint})")
    for info, line in zip(shown, lines, strict=True):
        marks = [f"[{info.label.name}]"] if info.label else []
        marks += ["[BEST]"] * (info is best) + ["[FINAL]"] * (layout.FINAL_TAG in info.tags)
        painted = style.paint(line, "32") if info is best else line
        rows.append("  ".join([painted, *(style.paint(mark, "36") for mark in marks)]))
    return [*rows, _RULE]


def _date(info: CheckpointInfo) -> str:
    day, time = date(info.metadata.get("timestamp"))
    return day if day == UNKNOWN else f"{day} {time.rpartition(':')[0]}"
