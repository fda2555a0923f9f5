"""Who plays whom in which game: from verified checkpoints to players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.hide_and_seek.config import ResolvedConfig
from envs.hide_and_seek.players.catalog import make_player
from envs.hide_and_seek.spaces import NVEC
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.commands.players.game import configured_game, read_game
from trainer.commands.players.names import RANDOM, not_found, players_of
from trainer.commands.players.policies import policy_of
from trainer.commands.players.shelf import Shelf
from trainer.config.types import TEAMS
from trainer.ppo.matches import Player, PolicyPlayer, RandomPlayer, RulePlayer
from trainer.project import SHIPPED
from trainer.run.saved_run import refuse_own_game

SCRIPT = "scripted"


@dataclass(frozen=True)
class Lineup:
    """A match to be played.

    Attributes:
        config: the game, resolved.
        players: by team name.
        names: what to call them, by team name: a checkpoint's folder, "shipped", "random" or
            the name of a scripted player.
        actions: how they choose, by team name: "most likely", "sampled", "random" or "scripted".
        seed: which games.
    """

    config: ResolvedConfig
    players: Mapping[str, Player]
    names: Mapping[str, str]
    actions: Mapping[str, str]
    seed: int


def make_lineup(
    shelf: Shelf,
    checkpoint: Path | None,
    others: Mapping[str, str | None],
    *,
    overrides: Sequence[str] = (),
    explore: bool = False,
    seed: int = 0,
) -> Lineup:
    """Loads the players.

    Args:
        shelf: where selectors look.
        checkpoint: verified; its game is played, and its policies play it. None: the game of
            the configuration file is played, by `others` alone.
        others: by team name, a selector, "random" or the name of a scripted player, for a team
            that is to play otherwise.
        overrides: `env.KEY=VALUE`, changes of the game.
        explore: sample actions instead of taking the most likely ones.
        seed: which games.

    Raises:
        NoUsableCheckpoint, CheckpointCorrupted: exit code 3.
        UsageError, ConfigError: exit code 2.
    """
    if checkpoint is None:
        config = configured_game(overrides)
    else:
        _refuse_own_game(checkpoint)
        config = read_game(checkpoint, overrides)
    players: dict[str, Player] = {}
    names, actions = {}, {}
    for team in TEAMS:
        selector = others.get(team)
        if selector == RANDOM:
            players[team] = RandomPlayer(NVEC)
            names[team] = actions[team] = RANDOM
            continue
        if selector in players_of(team):
            players[team] = RulePlayer(make_player(selector, team))
            names[team], actions[team] = selector, SCRIPT
            continue
        folder = checkpoint if selector is None else _find(shelf, team, selector)
        if folder is None:
            raise ValueError(f"without a checkpoint, somebody has to play the {team}s")
        _refuse_own_game(folder)
        players[team] = PolicyPlayer(policy_of(folder, team), explore)
        names[team] = "shipped" if folder.parent == SHIPPED else folder.name
        actions[team] = "sampled" if explore else "most likely"
    return Lineup(config, players, names, actions, seed)


def _refuse_own_game(checkpoint: Path) -> None:
    instead = "Play it with trainer.compute_single_action in your own program"
    refuse_own_game(checkpoint, "demo_model.py plays", instead)


def _find(shelf: Shelf, team: str, selector: str) -> Path:
    try:
        return shelf.find(selector)
    except NoUsableCheckpoint as error:
        raise not_found(team, selector, error) from None
