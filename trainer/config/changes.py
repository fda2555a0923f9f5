"""The differences between a checkpoint's configuration and that of the resumed run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.config.paths import KeyPath, values_by_path
from trainer.config.ppo import NETWORK_SETTINGS
from trainer.config.schema import Config
from trainer.config.types import TEAMS

_NOT_COMPARED = ("ppo.checkpoint_dir", "initialization.", "schedules.mode")
"""Where a run lives and how it was started: no change of the run itself."""


@dataclass(frozen=True)
class Change:
    """A key whose value differs from the checkpoint's.

    Attributes:
        key: dotted.
        old: the value in force so far.
        new: the value from now on.
        refused: whether the checkpoint's networks cannot be loaded with it.
    """

    key: str
    old: Any
    new: Any
    refused: bool


def config_changes(saved: Config, config: Config, *, carried: bool) -> list[Change]:
    """The keys whose value in force differs.

    Args:
        saved: the checkpoint's configuration.
        config: the resumed run's.
        carried: whether the checkpoint's schedules stay where `config` has none.
    """
    before, after = (values_by_path(item.to_dict()) for item in (saved, config))
    refused = _refused_keys(saved, config)
    changes = []
    for path in {**before, **after}:
        key, old, new = ".".join(path), before.get(path), after.get(path)
        if old in (new, redacted_values(new)) or key.startswith(_NOT_COMPARED):
            continue
        if carried and _is_absent_schedule(key, new):
            continue
        old, new = _in_force(saved, path, old), _in_force(config, path, new)
        if old != new:  # and not only its spelling
            changes.append(Change(key, old, new, key in refused))
    return changes


def refused_teams(saved: Config, config: Config) -> list[str]:
    """The teams whose network cannot be loaded, nor its policy by a warm start."""
    return [team for team in TEAMS if {*_network_changes(saved, config, team)} - {"critic"}]


def _refused_keys(saved: Config, config: Config) -> set[str]:
    found = set()
    for team in TEAMS:
        for name in _network_changes(saved, config, team):
            found |= {f"ppo.{name}", f"ppo.{team}.{name}"}
    return found


def _network_changes(saved: Config, config: Config, team: str) -> list[str]:
    old, new = saved.ppo.team(team), config.ppo.team(team)
    return [name for name in NETWORK_SETTINGS if getattr(old, name) != getattr(new, name)]


def _is_absent_schedule(key: str, new: Any) -> bool:
    return new is None and (key.startswith("schedules.") or ".lr_schedule_" in key)


def _in_force(config: Config, path: KeyPath, value: Any) -> Any:
    """The value that None stands for."""
    if value is not None:
        return value
    if path[0] == "ppo" and path[1] in TEAMS:
        return config.ppo.model_dump(mode="json")[path[2]]
    if path[0] == "env":
        return config.game.model_dump(mode="json")[path[1]]
    return None
