"""What the configuration of the project says about the checkpoints that these tools work on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.checkpoints.retention import Retention
from trainer.checkpoints.safe_io import safe_yaml
from trainer.commands.checkpoint_tools.output import Misuse
from trainer.project import find_config

# The keys of the group `ppo` in config.yaml, and what they are called here.
RETENTION_KEYS = {
    "keep_last_n": "last_n",
    "keep_best_n": "best_n",
    "keep_best_metric": "best_metric",
    "keep_best_mode": "best_mode",
    "keep_every": "every",
}


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


def _configured() -> Mapping[str, Any]:
    path = find_config()
    if path is None:
        return {}
    try:
        group = safe_yaml.read(path.resolve())["ppo"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return group if isinstance(group, dict) else {}
