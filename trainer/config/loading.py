"""The configuration from a YAML file and `--set KEY=VALUE`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from trainer.checkpoints.safe_io import safe_json, safe_yaml
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean, nearest
from trainer.config.paths import KeyPath, overlap
from trainer.config.schema import Config, ConfigGroups
from trainer.config.types import WHOLE_GAME, ConfigError
from trainer.project import profiles

_MAX_PARTS = 8  # of a key; the longest has 5
AnyConfig = TypeVar("AnyConfig", bound=ConfigGroups)


def load_config(
    path: str | Path, overrides: Iterable[str] = (), *, schema: type[Config] = Config
) -> Config:
    """The configuration in a YAML file, with `KEY=VALUE` overrides applied to it.

    Args:
        path: of the file.
        overrides: applied in this order.
        schema: the configuration of hide and seek, or of another game.

    Raises:
        ConfigError: the file is missing, not YAML, or holds an unknown key or a bad value.
    """
    return checked(schema, read_values(path), overrides, str(path))


def named_file(name: str | Path) -> Path:
    """The configuration file that a user names: a path, or a profile by its name.

    A file in the working directory comes before a profile of the same name.

    Raises:
        ConfigError: it is a name without folder and suffix, and there is neither.
    """
    path, known = Path(name), profiles()
    if str(name) in known and not path.is_file():
        return known[str(name)]
    if str(name) == path.stem and not os.path.lexists(path):
        meant = did_you_mean(path.name, [*known, *(p.name for p in _yaml_beside(path))])
        raise ConfigError(f"{path}: neither a file nor a profile{meant}")
    return path


def read_values(path: str | Path) -> dict[str, Any]:
    """The nested values of a YAML file, not checked against the schema.

    Raises:
        ConfigError: the file is missing or not YAML.
    """
    path = Path(path)
    try:
        # A link is the user's own; a pipe or a device is no configuration.
        values = safe_yaml.parse(safe_json.read_bytes(path.resolve(), safe_yaml.MAX_BYTES))
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in _yaml_beside(path)])
        hint = f"; the profile is named {path.stem}" if path.stem in profiles() else ""
        hint = f"; nearest: {path.parent / near}" if near else hint
        raise ConfigError(f"{path}: no such file{hint}") from None
    except safe_yaml.YamlError as error:
        where = f" line {error.line}:" if error.line else ""
        raise ConfigError(f"{path}:{where} {error}") from None
    except (OSError, ValueError, RuntimeError) as error:  # the last two: no name, links in a circle
        reason = getattr(error, "strerror", None) or safe_json.first_line(error)
        raise ConfigError(f"{safe_json.shown(path)}: cannot be read: {reason}") from None
    if values is not None and not isinstance(values, dict):
        raise ConfigError(f"{path}: expected groups of keys, found {type(values).__name__}")
    return values or {}


def apply_overrides(
    values: Mapping[str, Any], overrides: Iterable[str], source: str = "config"
) -> Config:
    """A configuration of hide and seek from nested values; see `checked`."""
    return checked(Config, values, overrides, source)


def checked(
    schema: type[AnyConfig], values: Mapping[str, Any], overrides: Iterable[str], source: str
) -> AnyConfig:
    """A configuration from nested values, with each `group.key=value` (in YAML) applied to it.

    Args:
        schema: with `ConfigGroups`, each group is checked by itself only.
        values: as from YAML.
        overrides: applied in this order.
        source: the name of `values` in errors.

    Raises:
        ConfigError: naming `source` or the override that is at fault.
    """
    overrides = list(overrides)
    if not overrides:
        return schema.from_dict(values, source)
    try:
        return schema.from_dict(overridden(values, overrides), source="")
    except ConfigError as error:
        try:
            schema.from_dict(values, source)
        except ConfigError as own:
            if own.keys != (WHOLE_GAME,):
                raise own from None
        if not error.args[0].startswith(": "):
            raise  # it names its item
        faulty = _at_fault(values, overrides, error, schema)
        given = " ".join(f"--set {item.partition('=')[0].strip()}" for item in faulty)
        raise ConfigError(f"{given}{error}", error.keys) from None


def _at_fault(
    values: Mapping[str, Any],
    overrides: Sequence[str],
    error: ConfigError,
    schema: type[ConfigGroups],
) -> Sequence[str]:
    """The overrides that make a configuration fail: by their keys, else those it needs to fail."""
    by_key = [i for i in overrides if any(overlap(override_path(i), k) for k in error.keys[:1])]
    if by_key:
        return by_key[-1:]
    needed = []
    for number, item in enumerate(overrides):
        try:
            others = [*overrides[:number], *overrides[number + 1 :]]
            schema.from_dict(overridden(values, others))
        except ConfigError:
            continue
        needed.append(item)
    return needed or overrides


def overridden(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Nested values with each `group.key=value` applied, not checked against the schema.

    Raises:
        ConfigError: an override is not `group.key=value` in YAML.
    """
    merged: dict[str, Any] = {
        k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()
    }
    for item in overrides:
        key, equals, text = item.partition("=")
        key = safe_json.shown(key.strip())
        if not equals or not key:
            raise ConfigError(f"--set {key}: expected KEY=VALUE, for example ppo.lr=0.0003")
        if key.count(".") > _MAX_PARTS:
            raise ConfigError(f"--set {key}: no such key")
        try:
            value = safe_yaml.parse(text)
        except safe_yaml.YamlError as error:
            raise ConfigError(f"--set {key}: the value cannot be used: {error}") from None
        _set_nested(merged, override_path(item), value)
    return merged


def override_path(item: str) -> KeyPath:
    """The path of the key in `group.key=value`."""
    return tuple(item.partition("=")[0].strip().split("."))


def _yaml_beside(path: Path) -> list[Path]:
    folder = path.parent
    return sorted(folder.glob("*.y*ml")) if folder.is_dir() else []


def _set_nested(values: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        child = values.get(key)
        values[key] = dict(child) if isinstance(child, Mapping) else {}
        values = values[key]
    values[keys[-1]] = value
