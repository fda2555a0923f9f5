"""Whether a configuration fits into this machine, asked before anything is allocated."""

from __future__ import annotations

import itertools
import os

from envs.batch_env import TeamSpec
from envs.hide_and_seek.config import ResolvedConfig
from trainer.checkpoints.safe_io import tensor_file
from trainer.config.evaluation_keys import PAST
from trainer.config.schema import Config
from trainer.config.types import ConfigError

_GIGABYTE = 2**30
_DISTANCE_TABLE = 576 * 576  # bytes per layout
_COPIES = 2  # of the rollouts, while they are learned from
_PER_WEIGHT = 16  # bytes: weight, gradient, two moments


def needed_bytes(config: Config) -> int:
    """Bytes that sampling and learning take at the very least, all on one machine."""
    game = config.played
    rollouts = rollout_bytes(config) * max(1, config.ray.num_env_runners) * _COPIES
    tables = 0
    if isinstance(game, ResolvedConfig) and game.shaping_beta > 0.0:
        tables = game.bank_size * _DISTANCE_TABLE * max(1, config.ray.num_env_runners)
    weights = sum(_weights(config, team) for team in game.spec.teams)
    acting = sum(_tower(config, team, team.obs_size) for team in game.spec.teams)
    pools = 4 * acting * config.opponents.pool if config.keeps_opponents else 0
    return rollouts + tables + weights * _PER_WEIGHT + pools + _evaluation_bytes(config)


def rollout_bytes(config: Config) -> int:
    """Bytes of what one env runner gives in an iteration."""
    worlds = (config.ppo.rollout_length + 1) * config.ray.num_envs_per_env_runner
    return worlds * sum(_row_bytes(config, team) for team in config.played.spec.teams)


def _evaluation_bytes(config: Config) -> int:
    """The noise that the actions of a whole evaluation are drawn by."""
    game, met = config.played, config.opponents_met
    if not met or not isinstance(game, ResolvedConfig):
        return 0
    pairings = sum(len(set(names) - {PAST}) + config.evaluation.past for names in met.values())
    logits = sum(team.num_agents * team.num_logits for team in game.spec.teams)
    return pairings * config.evaluation.games * game.episode_steps * logits * 4


def _row_bytes(config: Config, team: TeamSpec) -> int:
    """One step of a team: what is seen, logits and mask, actions, and the single numbers."""
    seen = team.obs_size + _state_size(config, team)
    return team.num_agents * (4 * seen + 5 * team.num_logits + 8 * len(team.nvec) + 20)


def _state_size(config: Config, team: TeamSpec) -> int:
    """Of the state that the value function reads; 0: it reads the observation."""
    return team.state_size if config.ppo.team(team.name).critic == "state" else 0


def _weights(config: Config, team: TeamSpec) -> int:
    settings = config.ppo.team(team.name)
    inputs = [team.obs_size, _state_size(config, team) or team.obs_size]
    towers = inputs[:1] if settings.vf_share_layers else inputs
    return sum(_tower(config, team, size) for size in towers)


def _tower(config: Config, team: TeamSpec, size: int) -> int:
    """The weights of the hidden layers on so many inputs."""
    layers = itertools.pairwise((size, *config.ppo.team(team.name).hiddens))
    return sum(a * b for a, b in layers)


def check_memory(config: Config) -> None:
    """Refuses what this machine cannot hold (ConfigError); a cluster may be of any size.

    And networks that no checkpoint could be read back with.
    """
    for team in config.played.spec.teams:
        if (size := 4 * _weights(config, team)) > tensor_file.MAX_BYTES:
            hiddens = config.ppo.team(team.name).hiddens
            raise ConfigError(
                f"ppo.hiddens = {hiddens}: a {team.name} network of {size} bytes "
                f"is more than a checkpoint may hold ({tensor_file.MAX_BYTES})"
            )
    if config.ray.address is not None:
        return
    needed, there = needed_bytes(config), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        game = config.played
        own = f"env.num_layouts = {game.num_layouts} " if isinstance(game, ResolvedConfig) else ""
        raise ConfigError(
            f"this needs at least {needed / _GIGABYTE:,.0f} GB, and this machine has "
            f"{there / _GIGABYTE:,.0f} GB: lower ppo.rollout_length = {config.ppo.rollout_length}, "
            f"ray.num_envs_per_env_runner = {config.ray.num_envs_per_env_runner}, "
            f"{own}evaluation.games = {config.evaluation.games}, "
            f"opponents.pool = {config.opponents.pool} or ppo.hiddens = {config.ppo.hiddens}"
        )
