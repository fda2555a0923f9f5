"""The few things that these tools need of the rest of the trainer, asked for when needed.

The package is a library of its own and imports nothing else of the project; its tools are a
program, which also knows where the project keeps its checkpoints and how a policy is exported.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainer.checkpoints import plain_yaml
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.tools.screen import Misuse

# The keys of the group `ppo` in config.yaml, and what they are called here.
RETENTION_KEYS = {
    "keep_last_n": "last_n",
    "keep_best_n": "best_n",
    "keep_best_metric": "best_metric",
    "keep_best_mode": "best_mode",
    "keep_every": "every",
}


def configured_checkpoint_dir() -> str:
    """Where training saves."""
    project = importlib.import_module("trainer.project")
    return str(project.configured_checkpoint_dir())


def add_version(parser: argparse.ArgumentParser) -> None:
    """The option `--version`."""
    importlib.import_module("trainer.project").add_version(parser)


def configured_retention(given: Mapping[str, Any]) -> Retention:
    """What training keeps, by config.yaml, with the values that were `given` in their place.

    Misuse if a value makes no sense.
    """
    values = {name: _configured().get(key) for key, name in RETENTION_KEYS.items()}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return Retention(**{name: value for name, value in values.items() if value is not None})
    except ValueError as error:
        raise Misuse(str(error)) from None


def exporter() -> Callable[..., Path]:
    """The project's `export_policy`. Misuse if this installation has none."""
    try:
        export = importlib.import_module("trainer.export")
    except ModuleNotFoundError as error:
        raise Misuse(f"policies cannot be exported here: {error}") from None
    function: Callable[..., Path] = export.export_policy
    return function


def _configured() -> Mapping[str, Any]:
    project = importlib.import_module("trainer.project")
    path = project.find_config()
    if path is None:
        return {}
    try:
        group = plain_yaml.read(path.resolve())["ppo"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return group if isinstance(group, dict) else {}
