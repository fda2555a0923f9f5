"""Whether a configuration fits into this machine, asked before anything is allocated."""

from __future__ import annotations

import itertools
import os

from envs.hide_and_seek.spaces import NVEC, OBS_SIZE
from trainer.checkpoints.safe_io import tensor_file
from trainer.config.schema import Config
from trainer.config.types import TEAMS, ConfigError

_GIGABYTE = 2**30
_DISTANCE_TABLE = 576 * 576  # bytes per layout
_ROW = 4 * OBS_SIZE + 5 * sum(NVEC) + 8 * len(NVEC) + 20
"""Bytes of one agent's step: observation, logits and mask, actions, and the single numbers."""
_COPIES = 2  # of the rollouts, while they are learned from
_PER_WEIGHT = 16  # bytes: weight, gradient, two moments


def needed_bytes(config: Config) -> int:
    """Bytes that sampling and learning take at the very least, all on one machine."""
    game, ppo = config.env.resolved(), config.ppo
    agents = sum(getattr(game, f"num_{team}s") for team in TEAMS)
    rollouts = (ppo.rollout_length + 1) * config.ray.num_envs * agents * _ROW * _COPIES
    processes = max(1, config.ray.num_env_runners)
    distances = game.num_layouts * _DISTANCE_TABLE * processes * (game.shaping_beta > 0.0)
    weights = sum(_weights(config, team) for team in TEAMS)
    return rollouts + distances + weights * _PER_WEIGHT


def _weights(config: Config, team: str) -> int:
    settings = config.ppo.team(team)
    sizes = (OBS_SIZE, *settings.hiddens)
    towers = 1 if settings.vf_share_layers else 2
    return towers * sum(a * b for a, b in itertools.pairwise(sizes))


def check_memory(config: Config) -> None:
    """Refuse what this machine cannot hold (ConfigError); a cluster may be of any size.

    And networks that no checkpoint could be read back with.
    """
    for team in TEAMS:
        if (size := 4 * _weights(config, team)) > tensor_file.MAX_BYTES:
            raise ConfigError(
                f"ppo.hiddens = {config.ppo.team(team).hiddens}: a {team} network of {size} bytes "
                f"is more than a checkpoint may hold ({tensor_file.MAX_BYTES})"
            )
    if config.ray.address is not None:
        return
    needed, there = needed_bytes(config), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ConfigError(
            f"this needs at least {needed / _GIGABYTE:,.0f} GB, and this machine has "
            f"{there / _GIGABYTE:,.0f} GB: lower ppo.rollout_length = {config.ppo.rollout_length}, "
            f"ray.num_envs_per_env_runner = {config.ray.num_envs_per_env_runner}, "
            f"env.num_layouts = {config.env.num_layouts} or ppo.hiddens = {config.ppo.hiddens}"
        )
