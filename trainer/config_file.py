"""The configuration from YAML files and `--set KEY=VALUE`, and what differs between two of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from trainer.config import Config
from trainer.config_base import ConfigError


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a YAML file and apply `KEY=VALUE` overrides to it.

    Raises:
        ConfigError: the file is missing, not YAML, or holds an unknown key or a bad value.
    """
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
    return apply_overrides(values or {}, overrides, source=str(path))


def apply_overrides(
    values: Mapping[str, Any], overrides: Iterable[str], source: str = "config"
) -> Config:
    """A configuration from `values`, then each `group.key=value` (in YAML) over it."""
    overrides = list(overrides)
    config = Config.from_dict(values, source)
    if not overrides:
        return config
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
        _set_nested(merged, key.strip().split("."), value)
    return Config.from_dict(merged, source=" ".join(f"--set {item}" for item in overrides))


def _yaml_beside(path: Path) -> list[Path]:
    folder = path.parent
    return sorted(folder.glob("*.y*ml")) if folder.is_dir() else []


def _set_nested(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        child = values.get(key)
        values[key] = dict(child) if isinstance(child, Mapping) else {}
        values = values[key]
    values[keys[-1]] = value
