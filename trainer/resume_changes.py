"""What differs between a checkpoint's configuration and today's, and what a resume refuses."""

from __future__ import annotations

from typing import Any

from trainer.config import NETWORK_SETTINGS, Config
from trainer.config_base import TEAMS
from trainer.config_keys import differences


def config_changes(saved: Config, config: Config) -> dict[str, tuple[Any, Any]]:
    """Keys that differ between a checkpoint's configuration and the one given, as (old, new)."""
    changes = differences(saved, config)
    # Where the folder lies and how a run once began make no difference to how it goes on.
    apart = ("ppo.checkpoint_dir", "initialization.", "schedules.mode")
    return {
        key: both
        for key, both in changes.items()
        if not key.startswith(apart) and not _is_left_out(key, both[1])
    }


def _is_left_out(key: str, new: Any) -> bool:
    """Whether a schedule is not mentioned any more: it goes on, see `schedule_continuation`."""
    return new is None and (key.startswith("schedules.") or ".lr_schedule_" in key)


def refused_keys(saved: Config, config: Config) -> set[str]:
    """The changed keys with which a checkpoint's networks cannot be loaded."""
    refused = set()
    for team in TEAMS:
        old, new = saved.ppo.team(team), config.ppo.team(team)
        for name in NETWORK_SETTINGS:
            if getattr(old, name) != getattr(new, name):
                refused |= {f"ppo.{name}", f"ppo.{team}.{name}"}
    return refused & set(config_changes(saved, config))
