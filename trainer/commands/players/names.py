"""Who can play without a checkpoint, by the words of the command line. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping

from envs.hide_and_seek.players.names import SCRIPTED
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.commands.players.shelf import Shelf
from trainer.errors import UsageError

RANDOM = "random"
SHIPPED_WORD = "shipped"
"""Stands for the policies that come with the project."""

Words = Mapping[str, str | None]  # by team, as the user has written them; None: nothing


def players_of(team: str) -> tuple[str, ...]:
    """The names of a team's players that need no checkpoint."""
    return (RANDOM, *SCRIPTED[team])


def need_checkpoint(words: Words) -> bool:
    """Whether some team is played by a checkpoint."""
    return any(word not in players_of(team) for team, word in words.items())


def check_teams(words: Words) -> None:
    """Checks that nobody is to play the other team's script.

    Raises:
        UsageError: naming the team's own players.
    """
    for team, word in words.items():
        others = {name for names in SCRIPTED.values() for name in names}
        if word in others and word not in players_of(team):
            known = ", ".join(players_of(team))
            raise UsageError(f"--{team} {word}: not a player of the {team}s (those are: {known})")


def check_words(words: Words, shelf: Shelf) -> None:
    """Where there are no checkpoints at all, each word has to be a player's name or a path.

    Raises:
        NoUsableCheckpoint: it is not, but is much like one.
    """
    for team, word in words.items():
        if word is None or word in players_of(team) or shelf.listing.checkpoints:
            continue
        try:
            shelf.find(word)
        except NoUsableCheckpoint as error:
            raise not_found(team, word, error) from None


def not_found(team: str, word: str, error: NoUsableCheckpoint) -> NoUsableCheckpoint:
    """The error for a word that is neither a player nor a checkpoint."""
    near = nearest(word, players_of(team))
    if near is None:
        return NoUsableCheckpoint(f"--{team}: {error}")
    return NoUsableCheckpoint(
        f"--{team} {word}: neither a player nor a checkpoint; did you mean {near!r}?"
    )


def listing() -> str:
    """The scripted players for a help text, one on each line."""
    lines = [
        f"  {team:<6} {name:<9}  {text}"
        for team, players in SCRIPTED.items()
        for name, text in players.items()
    ]
    return "\n".join(lines)
