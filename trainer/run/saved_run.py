"""The run in a checkpoint, as a resume finds it: verified once, and each file of it read once.

A checkpoint may be anybody's: its files are read as plain values and checked before use. Neither
Ray nor torch is imported here, so that a plan is made at once; the weights and the training state
are read by `trainer/run/saved_state/resume_state.py`, when the trainer is built.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from envs.game import GAME
from envs.hide_and_seek.config import of_checkpoint
from trainer.checkpoints import layout, manifest, metadata, selectors
from trainer.checkpoints.remote.location import address_of
from trainer.checkpoints.safe_io import safe_json, safe_yaml
from trainer.checkpoints.safe_io.plain_values import mapping
from trainer.config.config_file import ConfigFile, recorded
from trainer.config.schema import Config
from trainer.config.types import TEAMS, ConfigError
from trainer.errors import IncompatibleCheckpoint, InvalidState
from trainer.reporting.history.record import RECORD_PART, HistoryRecord
from trainer.run.saved_state.training_state import read_values
from trainer.shown_commands import shown_path


@dataclass(frozen=True)
class SavedRun:
    """A checkpoint to resume.

    Attributes:
        path: the checkpoint folder.
        digest: SHA-256 of its manifest, and so of every file.
        metadata: the values of `metadata.json`; `iteration` is a whole number.
    """

    path: Path
    digest: str
    metadata: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path, *, verified: bool = False) -> SavedRun:
        """The run in the checkpoint at `path`; `verified`: its files have just been hashed.

        Raises:
            NoUsableCheckpoint: there is nothing at `path`.
            CheckpointCorrupted: a file is missing or is not what the manifest says.
            InvalidState: the metadata cannot be read.
        """
        path = selectors.typed_path(path).absolute()
        if not path.exists():
            raise selectors.no_such_path(path)
        if not verified:
            manifest.verify(path)
        try:
            values = metadata.read(path)
            iteration = metadata.as_count(values.get("iteration"))
            digest = manifest.digest(path)
        except (OSError, ValueError) as error:
            raise InvalidState(f"{path / layout.METADATA}: not readable: {error}") from None
        if iteration is None or iteration < 0:
            raise InvalidState(f"{path / layout.METADATA}: has no iteration")
        return cls(path, digest, values)

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return int(self.metadata["iteration"])

    def check_resumable(self) -> None:
        """Raises IncompatibleCheckpoint if it holds policies alone, as the shipped one does."""
        parts = (manifest.RLLIB_ROOT, layout.TRAINING_STATE)
        if not any(os.path.lexists(self.path / part) for part in parts):
            shown = shown_path(address_of(self.path))
            raise IncompatibleCheckpoint(
                f"{shown} cannot be resumed: it holds policies alone, no state of a training.\n"
                f"Start a new run with them: python main.py --warmstart {shlex.quote(shown)}"
            )

    def check_unchanged(self) -> None:
        """Raises InvalidState if another checkpoint, or none, is in its place by now."""
        try:
            changed = manifest.digest(self.path) != self.digest
        except OSError as error:
            reason = safe_json.first_line(error)
            raise InvalidState(f"{self.path}: cannot be read any more: {reason}") from None
        if changed:
            raise InvalidState(f"{self.path}: has been replaced since it was verified")

    @cached_property
    def config_values(self) -> dict[str, Any]:
        """The configuration in force when it was saved, unchecked. Raises OSError or ValueError."""
        values = mapping(safe_yaml.read(self.path / layout.CONFIG), layout.CONFIG)
        if "env" in values and _own_game(values) is None:
            values = {**values, "env": of_checkpoint(values["env"])}
        return values

    @property
    def own_game(self) -> str | None:
        """The name of the game, or None for hide and seek. Raises OSError or ValueError."""
        return _own_game(self.config_values)

    @cached_property
    def config(self) -> Config:
        """The same, checked, for hide and seek.

        Raises:
            ConfigError: this version cannot use it, or it is of another game.
        """
        file = self.path / layout.CONFIG
        try:
            values, game = self.config_values, self.own_game
        except (OSError, ValueError) as error:
            reason = safe_json.first_line(error).removeprefix(f"{layout.CONFIG}:").lstrip()
            raise ConfigError(f"{file}: {reason}") from None
        if game is not None:
            raise ConfigError(f"{file}: is of the game {game!r}, which its own program resumes")
        return Config.from_dict(values, str(file))

    @cached_property
    def config_file(self) -> ConfigFile | None:
        """The configuration file that the run was started with; None: not recorded.

        Raises:
            InvalidState: the record makes no sense.
        """
        return recorded(self.path)

    @cached_property
    def history_record(self) -> HistoryRecord | None:
        """The length and hash of the history; None: not recorded. Raises OSError or ValueError."""
        return HistoryRecord.read(self.path / RECORD_PART)

    @cached_property
    def state_values(self) -> dict[str, Any]:
        """The plain values of `training_state/`: counters, random streams, schedules.

        Raises OSError or ValueError.
        """
        teams: tuple[str, ...] = TEAMS
        if self.own_game is not None:
            folders = (self.path / layout.POLICIES).iterdir()
            teams = tuple(sorted(folder.name.removesuffix("_policy") for folder in folders))
        return read_values(self.path / layout.TRAINING_STATE, teams)


def refuse_own_game(checkpoint: Path | SavedRun, doing: str, instead: str) -> None:
    """Raises IncompatibleCheckpoint if a checkpoint is of another game than hide and seek.

    Args:
        checkpoint: one without readable settings passes.
        doing: what the command does with hide and seek only, for the message.
        instead: what can be done with the checkpoint.
    """
    try:
        if isinstance(checkpoint, SavedRun):
            path, game = checkpoint.path, checkpoint.own_game
        else:
            path = checkpoint
            game = _own_game(mapping(safe_yaml.read(path / layout.CONFIG), layout.CONFIG))
    except (OSError, ValueError):
        return
    if game is not None:
        raise IncompatibleCheckpoint(
            f"{doing} hide and seek only; {path.name} is of the game "
            f"{safe_json.shown(game)!r}.\n{instead} (docs/own_game.md)"
        )


def _own_game(values: Mapping[str, Any]) -> str | None:
    name = mapping(values.get("env"), f"{layout.CONFIG}: env").get(GAME)
    return None if name is None else str(name)
