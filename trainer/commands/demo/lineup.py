"""Who plays whom in which game: from verified checkpoints to players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig, of_checkpoint
from envs.hide_and_seek.players.catalog import make_player
from envs.hide_and_seek.spaces import NVEC, OBS_SIZE
from trainer.checkpoints import layout, metadata
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean
from trainer.commands.demo.checkpoint_choice import Shelf
from trainer.commands.demo.opponents import RANDOM, not_found, players_of
from trainer.config.loading import apply_overrides, read_values
from trainer.config.types import TEAMS, ConfigError
from trainer.errors import IncompatibleCheckpoint, UsageError
from trainer.ppo.matches import Player, PolicyPlayer, RandomPlayer, RulePlayer
from trainer.ppo.networks import ActorCritic
from trainer.ppo.policy_files import PolicyFileError, load_policy
from trainer.project import SHIPPED, find_config
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
        players[team] = PolicyPlayer(_load(folder, team), explore)
        names[team] = "shipped" if folder.parent == SHIPPED else folder.name
        actions[team] = "sampled" if explore else "most likely"
    return Lineup(config, players, names, actions, seed)


def configured_game(overrides: Sequence[str] = ()) -> ResolvedConfig:
    """The game of the configuration file with `env.KEY=VALUE` changes, resolved.

    Raises:
        UsageError, ConfigError: as `read_game`, or for the file.
    """
    _check_changes(overrides)
    path = find_config()
    values = {} if path is None else {"env": read_values(path).get("env") or {}}
    return apply_overrides(values, overrides, source=str(path)).env.resolved()


def _check_changes(overrides: Sequence[str]) -> None:
    for item in overrides:
        key = item.partition("=")[0].strip()
        if not key.startswith("env."):
            raise UsageError(f"--set {item}: only the game can be changed here{_env_hint(key)}")


def read_game(checkpoint: Path, overrides: Sequence[str] = ()) -> ResolvedConfig:
    """The game a checkpoint was trained on, with `env.KEY=VALUE` changes, resolved.

    Of a curriculum it is the level that the run had come to.

    Raises:
        NoUsableCheckpoint: the checkpoint has no readable game settings.
        UsageError, ConfigError: a change is not one of the game, or not a valid one.
    """
    _check_changes(overrides)
    file = checkpoint / layout.CONFIG
    try:
        saved = safe_yaml.read(file)
        # The other groups are about training: whatever they hold, the game can be played.
        values = {"env": of_checkpoint(saved["env"])}
        game = apply_overrides(values, [], source=str(file)).env
    except FileNotFoundError:
        raise NoUsableCheckpoint(
            f"the game of this checkpoint is unknown: {checkpoint} has no {layout.CONFIG}, "
            "which every training of this game saves"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = "has no group 'env'" if isinstance(error, (KeyError, TypeError)) else error
        reason = getattr(error, "strerror", None) or reason
        text = str(reason) if isinstance(error, ConfigError) else f"{file}: {reason}"
        raise NoUsableCheckpoint(f"the game of this checkpoint is unknown: {text}") from None
    if game.curriculum is not None:
        values = {"env": game.at_level(_level_of(checkpoint, game)).model_dump(mode="json")}
    return apply_overrides(values, overrides).env.resolved()


def _level_of(checkpoint: Path, game: HideAndSeekConfig) -> str:
    """The level that a curriculum had come to; the first if the metadata do not say it."""
    try:
        level = metadata.read(checkpoint).get("level")
    except (OSError, ValueError):
        return game.level
    return level if level in game.levels else game.level


def describe(config: ResolvedConfig) -> str:
    """A resolved game in one line."""
    sizes = {"seeker": config.num_seekers, "hider": config.num_hiders}
    sides = [f"{size} {team}{'s' if size > 1 else ''}" for team, size in sizes.items()]
    prep = config.prep_steps
    seeking = config.episode_steps - prep
    return f"{config.level}, {' against '.join(sides)}, {prep} steps to hide and {seeking} to seek"


def _env_hint(key: str) -> str:
    known = HideAndSeekConfig.model_fields
    return did_you_mean(
        key.rpartition(".")[2], known, show="env.{}".format, otherwise=", with env.KEY=VALUE"
    )


def _refuse_own_game(checkpoint: Path) -> None:
    instead = "Play it with trainer.compute_single_action in your own program"
    refuse_own_game(checkpoint, "demo_model.py plays", instead)


def _find(shelf: Shelf, team: str, selector: str) -> Path:
    try:
        return shelf.find(selector)
    except NoUsableCheckpoint as error:
        raise not_found(team, selector, error) from None


def _load(checkpoint: Path, team: str) -> ActorCritic:
    """The policy of a team, checked to fit the game's spaces."""
    folder = checkpoint / layout.POLICIES / f"{team}_policy"
    try:
        network = load_policy(folder)
    except PolicyFileError as error:
        raise NoUsableCheckpoint(str(error)) from None
    spec = network.spec
    if (spec.obs_size, spec.nvec) != (OBS_SIZE, NVEC):
        raise IncompatibleCheckpoint(
            f"{folder} is for {spec.obs_size} observations and actions {list(spec.nvec)}; "
            f"this game has {OBS_SIZE} and {list(NVEC)}"
        )
    return network
