"""The configuration file that a run was started with, kept beside its checkpoints' configuration.

`config.yaml` of a checkpoint holds what was in force; `config_file.yaml` holds what the user's file
said then. The difference between that and the file of today is what the user has edited since.
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
from trainer.config.loading import read_values
from trainer.config.types import ConfigError
from trainer.errors import InvalidState
from trainer.project import CONFIG_NAME, PROJECT_ROOT, shown_path


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file, as it was read.

    Attributes:
        path: where it is, absolute; None: there was none.
        named: whether it was asked for, and not just found where it is looked for.
        values: what it says, as given.
    """

    path: Path | None = None
    named: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What to call it in a report."""
        return "the defaults" if self.path is None else self.path.name

    def is_same_file(self, other: ConfigFile) -> bool:
        """Whether both are the same file, at whatever time they were read."""
        return self.path is not None and self.path == other.path

    def write(self, path: Path) -> None:
        """Write the record, without the credentials that a URL may hold."""
        where = None if self.path is None else str(self.path)
        record = {"path": where, "named": self.named, "values": redacted_values(self.values)}
        text = safe_yaml.dump(record)
        path.write_text(text, encoding="utf-8")


def read_config_file(path: str | Path | None, *, named: bool) -> ConfigFile:
    """The file at `path`; None: no file at all.

    Raises:
        ConfigError: it cannot be read.
    """
    if path is None:
        return ConfigFile(named=named)
    return ConfigFile(Path(path).expanduser().resolve(), named, read_values(path))


def recorded(checkpoint: Path) -> ConfigFile | None:
    """The record in a checkpoint; None if it has none.

    Raises:
        InvalidState: it has one that makes no sense.
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
    return ConfigFile(None if path is None else Path(path), bool(named), values)


def file_of_today(named: str | None, then: ConfigFile) -> ConfigFile:
    """The file that counts for a run which goes on.

    It is the one that is named now, else the `config.yaml` of the working directory (unless another
    one was named then), else the one of then, if it lies in the working directory or the project: a
    checkpoint may be anybody's, and does not choose which file of this machine is read.

    Args:
        named: the file that is asked for now.
        then: the one that the run was started with.

    Raises:
        ConfigError: it cannot be read.
    """
    if named is not None:
        return read_config_file(named, named=True)
    here = Path(CONFIG_NAME)
    if not then.named and here.is_file():
        return read_config_file(here, named=False)
    if then.path is not None and _is_near(then.path) and then.path.is_file():
        return read_config_file(then.path, named=then.named)
    return ConfigFile(named=then.named)


def which_file(file: ConfigFile, then: ConfigFile) -> str:
    """What a user should know of `file_of_today`; empty if it is what anybody expects."""
    here = Path(CONFIG_NAME)
    if file.path is None:
        if then.path is None:
            return ""
        why = "is gone" if _is_near(then.path) else "is not read; name it with --config"
        return f"configuration file: {shown_path(then.path)}, as when the run was started, {why}"
    shown = f"configuration file: {shown_path(file.path)}"
    if file.path != then.path:
        return f"{shown} (the run was started with {then.path or 'none'})"
    if here.is_file() and here.resolve() != file.path:
        return f"{shown}, as when the run was started; ./{CONFIG_NAME} is not read"
    return ""


def _is_near(path: Path) -> bool:
    """Whether a file lies in the working directory or the project, links followed."""
    path = path.resolve()
    return any(path.is_relative_to(folder) for folder in (Path.cwd().resolve(), PROJECT_ROOT))
