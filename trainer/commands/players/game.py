"""The game that players meet in: a checkpoint's own, or that of the configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig, of_checkpoint
from trainer.checkpoints import layout, metadata
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean
from trainer.config.loading import apply_overrides, read_values
from trainer.config.types import ConfigError
from trainer.errors import UsageError
from trainer.project import find_config


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
        values = {"env": game.at_level(level_of(checkpoint, game)).model_dump(mode="json")}
    return apply_overrides(values, overrides).env.resolved()


def level_of(checkpoint: Path, game: HideAndSeekConfig) -> str:
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
