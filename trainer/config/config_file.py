"""The user's configuration file: as it is now, and as a checkpoint has recorded it.

`config.yaml` of a checkpoint holds the values in force; `config_file.yaml` holds the values of the
user's file at the start of the run. A file that differs from its record has been edited since.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.config.loading import named_file, read_values
from trainer.config.types import ConfigError
from trainer.errors import InvalidState
from trainer.project import CONFIG_NAME, PROFILES, PROJECT_ROOT, profiles
from trainer.shown_commands import shown_config


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file as it was read.

    Attributes:
        path: where it is, absolute; None: there was none.
        named: whether the user has named it; else it was found in its usual place.
        values: its values, unchecked.
    """

    path: Path | None = None
    named: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in a report."""
        return "the defaults" if self.path is None else self.path.name

    def is_same_file(self, other: ConfigFile) -> bool:
        """Whether both are the same file, possibly read at different times."""
        return self.path is not None and self.path == other.path

    def write(self, path: Path) -> None:
        """Writes the record of a checkpoint, without the credentials that a URL may hold."""
        # A profile lies elsewhere on another machine, and elsewhere for each job.
        where = None if self.path is None else _profile_name(self.path) or str(self.path)
        record = {"path": where, "named": self.named, "values": redacted_values(self.values)}
        path.write_text(safe_yaml.dump(record), encoding="utf-8")


def read_config_file(path: str | Path | None, *, named: bool) -> ConfigFile:
    """The file at `path`; None: no file at all.

    Args:
        path: of the file; if `named`, a profile's name is one too.
        named: whether the user has named it.

    Raises:
        ConfigError: it cannot be read.
    """
    if path is None:
        return ConfigFile(named=named)
    path = named_file(path) if named else path
    return ConfigFile(Path(path).expanduser().resolve(), named, read_values(path))


def recorded(checkpoint: Path) -> ConfigFile | None:
    """The file that a checkpoint's run was started with; None if there is no record of one.

    Raises:
        InvalidState: the record is not valid.
    """
    file = checkpoint / layout.CONFIG_FILE
    if not os.path.lexists(file):
        return None
    try:
        record = read_values(file)
    except ConfigError as error:
        raise InvalidState(str(error)) from None
    path, named, values = (record.get(key) for key in ("path", "named", "values"))
    if not isinstance(values, Mapping) or not isinstance(path, str | None):
        raise InvalidState(f"{file}: no record of a configuration file")
    return ConfigFile(None if path is None else _where(path), bool(named), values)


def _profile_name(path: Path) -> str | None:
    return path.stem if path == profiles().get(path.stem) else None


def _where(recorded: str) -> Path:
    """The path in a record; of a profile the one here, wherever it was when it was recorded."""
    path = Path(recorded)
    if path.name == recorded:
        return profiles().get(recorded, path)
    if path.parent.parts[-2:] == PROFILES.parts[-2:]:  # as versions before recorded it
        return profiles().get(path.stem, path)
    return path


def current_file(named: str | None, original: ConfigFile) -> ConfigFile:
    """The configuration file of a run that is resumed, as it is now.

    It is the file that is named now, else the `config.yaml` of the working directory (unless the
    run was started with another name), else the original one, if it lies in the working directory
    or the project: a checkpoint may be anybody's, and must not choose which file is read.

    Args:
        named: the file that the user names now.
        original: the one that the run was started with.

    Raises:
        ConfigError: it cannot be read.
    """
    if named is not None:
        return read_config_file(named, named=True)
    here = Path(CONFIG_NAME)
    if not original.named and here.is_file():
        return read_config_file(here, named=False)
    if original.path is not None and _is_near(original.path) and original.path.is_file():
        return read_config_file(original.path, named=original.named)
    return ConfigFile(named=original.named)


def file_note(file: ConfigFile, original: ConfigFile) -> str:
    """What a user should know of the choice of `current_file`; empty if it is as expected."""
    here = Path(CONFIG_NAME)
    if file.path is None:
        if original.path is None:
            return ""
        why = "is gone" if _is_near(original.path) else "is not read; name it with --config"
        shown = _told(original.path)
        return f"configuration file: {shown}, as when the run was started, {why}"
    shown = f"configuration file: {_told(file.path)}"
    if file.path != original.path:
        first = _told(original.path) if original.path else "none"
        return f"{shown} (the run was started with {first})"
    if here.is_file() and here.resolve() != file.path:
        return f"{shown}, as when the run was started; ./{CONFIG_NAME} is not read"
    return ""


def _told(path: Path) -> str:
    word = shown_config(path)
    return f"profile {word}" if word in profiles() else word


def _is_near(path: Path) -> bool:
    """Whether a file lies in the working directory or the project, links followed."""
    path = path.resolve()
    return any(path.is_relative_to(folder) for folder in (Path.cwd().resolve(), PROJECT_ROOT))
