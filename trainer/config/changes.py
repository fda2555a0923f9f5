"""What differs between a checkpoint's configuration and the one a run goes on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.config.merge import paths_of
from trainer.config.ppo import NETWORK_SETTINGS
from trainer.config.schema import Config
from trainer.config.types import TEAMS


@dataclass(frozen=True)
class Change:
    """A key with another value than in the checkpoint.

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
    """What differs; with `carried`, a schedule that is not mentioned goes on and is no change."""
    before, after = (paths_of(item.to_dict()) for item in (saved, config))
    refused = _refused_keys(saved, config)
    changes = []
    for path in {**before, **after}:
        key, old, new = ".".join(path), before.get(path), after.get(path)
        # Where the folder lies and how a run once began make no difference to how it goes on.
        apart = ("ppo.checkpoint_dir", "initialization.", "schedules.mode")
        if old in (new, redacted_values(new)) or key.startswith(apart):
            continue
        if carried and _is_left_out(key, new):
            continue
        old, new = (_in_force(item, path, v) for item, v in ((saved, old), (config, new)))
        if old != new:  # and not only in how it is said
            changes.append(Change(key, old, new, key in refused))
    return changes


def refused_teams(saved: Config, config: Config) -> list[str]:
    """The teams whose network cannot go on."""
    return [team for team in TEAMS if _other_network(saved, config, team)]


def _refused_keys(saved: Config, config: Config) -> set[str]:
    found = set()
    for team in TEAMS:
        for name in _other_network(saved, config, team):
            found |= {f"ppo.{name}", f"ppo.{team}.{name}"}
    return found


def _other_network(saved: Config, config: Config, team: str) -> list[str]:
    old, new = saved.ppo.team(team), config.ppo.team(team)
    return [name for name in NETWORK_SETTINGS if getattr(old, name) != getattr(new, name)]


def _is_left_out(key: str, new: Any) -> bool:
    """Whether a schedule is not mentioned any more: it goes on, see `schedule_continuation`."""
    return new is None and (key.startswith("schedules.") or ".lr_schedule_" in key)


def _in_force(config: Config, path: tuple[str, ...], value: Any) -> Any:
    """What a value of None stands for."""
    if value is not None:
        return value
    if path[0] == "ppo" and path[1] in TEAMS:
        return config.ppo.model_dump(mode="json")[path[2]]
    if path[0] == "env":
        return config.game.model_dump(mode="json")[path[1]]
    return None
