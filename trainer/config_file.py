"""The configuration from YAML files and `--set KEY=VALUE`, and what differs between two of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from trainer.config import Config, ConfigGroups
from trainer.config_base import ConfigError

AnyConfig = TypeVar("AnyConfig", bound=ConfigGroups)


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a YAML file and apply `KEY=VALUE` overrides to it.

    Raises:
        ConfigError: the file is missing, not YAML, or holds an unknown key or a bad value.
    """
    return apply_overrides(read_values(path), overrides, source=str(path))


def read_values(path: str | Path) -> dict[str, Any]:
    """The nested values of a YAML file, unchecked. ConfigError if it is missing or not YAML."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in _yaml_beside(path)], n=1)
        hint = f"; nearest: {path.parent / near[0]}" if near else ""
        raise ConfigError(f"{path}: no such file{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}:{where} not valid YAML: {getattr(error, 'problem', error)}"
        ) from None
    if values is not None and not isinstance(values, dict):
        raise ConfigError(f"{path}: expected groups of keys, found {type(values).__name__}")
    return values or {}


def apply_overrides(
    values: Mapping[str, Any],
    overrides: Iterable[str],
    source: str = "config",
    *,
    schema: type[AnyConfig] = Config,  # type: ignore[assignment]
) -> AnyConfig:
    """A configuration from `values`, then each `group.key=value` (in YAML) over it.

    With `ConfigGroups` as the schema each group is checked by itself only.
    """
    overrides = list(overrides)
    config = schema.from_dict(values, source)
    if not overrides:
        return config
    merged = overridden(values, overrides)
    return schema.from_dict(merged, source=" ".join(f"--set {item}" for item in overrides))


def overridden(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Nested values with each `group.key=value` (in YAML) over them, not checked against the
    schema."""
    merged: dict[str, Any] = {
        k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()
    }
    for item in overrides:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {item}: expected KEY=VALUE, for example ppo.lr=0.0003")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {item}: the value is not valid YAML") from None
        _set_nested(merged, override_path(item), value)
    return merged


def override_path(item: str) -> tuple[str, ...]:
    """The key that a `group.key=value` names, in its parts."""
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
