"""What the trainer is told about a game's teams before any world is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.batch_env import TeamSpec
from envs.hide_and_seek.spaces import (
    DOOR_SLOTS,
    NVEC,
    OBS_SIZE,
    STATE_SIZE,
    live_columns,
    live_state_columns,
)

if TYPE_CHECKING:
    from envs.hide_and_seek.config import ResolvedConfig


def team_specs(config: ResolvedConfig) -> tuple[TeamSpec, ...]:
    """The seekers, then the hiders."""
    held = config.contents
    doors = DOOR_SLOTS if held.doors else 0
    teams = []
    for name, size in config.team_sizes.items():
        opponents = sum(config.team_sizes.values()) - size
        others = size - 1, opponents, held.boxes, held.ramps
        team = TeamSpec(
            name,
            tuple(f"{name}_{k}" for k in range(size)),
            OBS_SIZE,
            NVEC,
            live_columns(*others, planks=held.planks, ramps_lock=held.ramps_lock),
            STATE_SIZE,
            live_state_columns(
                *others, planks=held.planks, ramps_lock=held.ramps_lock, doors=doors
            ),
        )
        teams.append(team)
    return tuple(teams)
