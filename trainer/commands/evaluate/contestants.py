"""From the words of the command line to the players of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from envs.hide_and_seek.config import ResolvedConfig
from trainer.checkpoints import layout
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.commands.players.game import configured_game, read_game
from trainer.commands.players.names import SHIPPED_WORD, players_of
from trainer.commands.players.policies import policy_of
from trainer.commands.players.shelf import Shelf, shipped_checkpoint
from trainer.config.types import TEAMS
from trainer.errors import UsageError
from trainer.evaluation.anchors import make_anchor
from trainer.evaluation.cross_table import Maker
from trainer.ppo.matches import PolicyPlayer
from trainer.run.saved_run import refuse_own_game
from trainer.shown_commands import shown_path


@dataclass
class Contestant:
    """Who takes part in a table.

    Attributes:
        name: what to call it: the word that it was given by; of a path the iteration.
        makers: what makes its player, for each team that it can play.
        folder: the checkpoint that it was loaded from; None: it needs none.
        address: where that is for the user.
        game: what it was trained on; None without a checkpoint.
        by_path: whether the word was a path.
        aliases: other words that stand for the same checkpoint.
    """

    name: str
    makers: dict[str, Maker]
    folder: Path | None = None
    address: str | None = None
    game: ResolvedConfig | None = None
    by_path: bool = False
    aliases: list[str] = field(default_factory=list)

    @property
    def selected(self) -> bool:
        """Whether its name is a selector that may stand for another checkpoint tomorrow."""
        if self.folder is None or self.by_path or self.name == SHIPPED_WORD:
            return False
        return self.name != _number(self.folder)

    @property
    def title(self) -> str:
        """Its name for a picture, where no note stands beside it: `best (240)`."""
        if self.folder is None or not self.selected:
            return self.name
        return f"{self.name} ({_number(self.folder)})"


def contestants_of(words: Sequence[str], shelf: Shelf, *, explore: bool) -> list[Contestant]:
    """The players that the words stand for, in their order; the same checkpoint comes once.

    Args:
        words: names of scripted players, "random", "shipped", or selectors of checkpoints.
        shelf: where selectors look.
        explore: whether policies sample their actions instead of taking the most likely ones.

    Raises:
        NoUsableCheckpoint, CheckpointCorrupted: exit code 3.
        IncompatibleCheckpoint, UsageError: exit code 2; also where a team has nobody to play it.
    """
    found: dict[object, Contestant] = {}
    for word in dict.fromkeys(words):
        teams = [team for team in TEAMS if word in players_of(team)]
        if teams:
            found[word] = Contestant(
                word, {team: partial(make_anchor, word, team) for team in teams}
            )
            continue
        folder, address = find_checkpoint(word, shelf)
        if folder in found:
            found[folder].aliases.append(word)
            continue
        refuse_own_game(folder, "python -m trainer.evaluate plays", "Play it in your own program")
        makers = {team: _policy(folder, team, explore=explore) for team in TEAMS}
        name = _number(folder) if "/" in word else word
        found[folder] = Contestant(
            name, makers, folder, address, read_game(folder), by_path="/" in word
        )
    people = list(found.values())
    _tell_apart(people)
    for team in TEAMS:
        if not any(team in person.makers for person in people):
            named = ", ".join(words)
            known = ", ".join(players_of(team))
            raise UsageError(
                f"{named}: nobody plays the {team}s; add a checkpoint, or one of {known}"
            )
    return people


def find_checkpoint(word: str, shelf: Shelf) -> tuple[Path, str]:
    """The verified checkpoint of a word, and where it is for the user.

    Raises:
        NoUsableCheckpoint, CheckpointCorrupted, StoreUnavailable: saying what there is instead.
        UsageError: it is a player without a network.
    """
    if word == SHIPPED_WORD:
        folder = shipped_checkpoint()
        return folder, shown_path(folder)
    try:
        folder = shelf.find(word)
    except NoUsableCheckpoint:
        if any(word in players_of(team) for team in TEAMS):  # where only a checkpoint will do
            raise UsageError(
                f"{word} has no network to test; name a checkpoint, or {SHIPPED_WORD}"
            ) from None
        names = dict.fromkeys(name for team in TEAMS for name in players_of(team))
        near = nearest(word, [*names, SHIPPED_WORD])
        if near is None:
            raise
        raise NoUsableCheckpoint(
            f"{word}: neither a player nor a checkpoint; did you mean {near!r}?"
        ) from None
    return folder, shown_path(shelf.address(folder))


def game_of(people: Sequence[Contestant], overrides: Sequence[str]) -> ResolvedConfig:
    """The game that is played: that of the first checkpoint, else of the configuration file.

    Raises:
        UsageError, ConfigError: a change is not one of the game, or not a valid one.
    """
    for person in people:
        if person.folder is not None:
            return read_game(person.folder, overrides)
    return configured_game(overrides)


def _tell_apart(people: Sequence[Contestant]) -> None:
    """Calls those who were given by a path by as little of it as tells all names apart."""
    for length in (1, 2):
        taken = Counter(person.name for person in people)
        for person in people:
            if taken[person.name] > 1 and person.folder is not None and person.by_path:
                person.name = _end_of(person.folder) if length == 1 else str(person.address)


def _end_of(folder: Path) -> str:
    """The end of a checkpoint's path, in few characters: checkpoints_Q/300."""
    return f"{folder.parent.name}/{_number(folder)}"


def _number(folder: Path) -> str:
    iteration = layout.iteration_of(folder.name)
    return folder.name if iteration is None else str(iteration)


def _policy(folder: Path, team: str, *, explore: bool) -> Maker:
    player = PolicyPlayer(policy_of(folder, team), explore)
    return lambda: player
