"""The configuration of a run: from the file, the command line and, on resume, the checkpoint."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from trainer.commands.train.arguments import overrides_of
from trainer.config.config_file import ConfigFile, current_file, file_note, read_config_file
from trainer.config.loading import checked
from trainer.config.merge import Merge, merge
from trainer.config.schema import Config, ConfigGroups
from trainer.config.types import WHOLE_GAME, ConfigError
from trainer.errors import UsageError
from trainer.project import find_config
from trainer.run.saved_run import SavedRun


@dataclass(frozen=True)
class Given:
    """The configuration file and overrides of a command.

    Attributes:
        file: the configuration file that counts for a new run.
        overrides: replace its values, each `group.key=value`.
        args: the options of `add_run_arguments`.
    """

    file: ConfigFile
    overrides: tuple[str, ...]
    args: argparse.Namespace

    def says(self, key: str) -> bool:
        """Whether the command line gives a key that begins so."""
        return any(item.strip().startswith(key) for item in self.overrides)

    def config(self) -> Config:
        """The configuration of a new run (ConfigError)."""
        return checked(Config, self.file.values, self.overrides, self._source)

    def groups(self) -> ConfigGroups:
        """The same, without a check that the groups fit together: a resumed run keeps its own
        values for most of what is not said here (ConfigError). Nor need the settings of the game
        or the parts of a curriculum fit together here, as the others may be the run's own."""
        overrides = self._without("env.curriculum.")
        try:
            return checked(ConfigGroups, self.file.values, overrides, self._source)
        except ConfigError as error:
            if WHOLE_GAME not in error.keys:
                raise
        rest = {group: values for group, values in self.file.values.items() if group != "env"}
        return checked(ConfigGroups, rest, self._without("env.", "env="), self._source)

    def _without(self, *beginnings: str) -> list[str]:
        """The overrides that do not begin so."""
        return [item for item in self.overrides if not item.strip().startswith(beginnings)]

    @property
    def _source(self) -> str:
        return "defaults" if self.file.path is None else str(self.args.config or self.file.path)


@dataclass(frozen=True)
class Continued:
    """The configuration of a resumed run.

    Attributes:
        config: in force from now on.
        file: the configuration file as of now, to be recorded.
        saved: the checkpoint's; None: it is not readable.
        merge: where the values come from; None for a checkpoint that does not record what was
            configured: then the file counts.
        note: why there is no `merge`.
        which_file: a line on the file that counts; empty if it is the expected one.
    """

    config: Config
    file: ConfigFile
    saved: Config | None
    merge: Merge | None = None
    note: str = ""
    which_file: str = ""


def given(args: argparse.Namespace) -> Given:
    """The overrides of a command and the file it names (ConfigError if it cannot be read)."""
    named = args.config is not None
    file = read_config_file(args.config if named else find_config(), named=named)
    return Given(file, tuple(overrides_of(args)), args)


def continued(asked: Given, run: SavedRun) -> Continued:
    """The configuration with which a saved run is resumed.

    Raises:
        ConfigError, UsageError: the values cannot be used, or do not go together.
        InvalidState: the record of the configuration file makes no sense.
    """
    side, then = asked.args.config_from, run.config_file
    try:
        saved = run.config
    except ConfigError as error:
        note = f"the checkpoint's cannot be compared: {error}"
        return Continued(asked.config(), asked.file, None, note=note)
    if then is None and side is None:
        note = (
            f"{run.path.name} does not tell what was configured by file when it was saved; "
            "the configuration file counts"
        )
        return Continued(asked.config(), asked.file, saved, note=note)
    file = asked.file if then is None else current_file(asked.args.config, then)
    if side == "file" and file.path is None:
        raise UsageError("--config-from file: there is none; name it with --config FILE")
    merged = merge(saved, file, then, asked.overrides, side)
    kept = then if then is not None and file.path is None else file
    about = "" if then is None else file_note(file, then)
    return Continued(merged.config, kept, saved, merged, which_file=about)
