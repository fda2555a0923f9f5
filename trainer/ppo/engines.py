"""Makes the engine that learns and the actor that samples, both torch's or both fused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from envs.batch_env import TeamSpec
from trainer.ppo.actors import Actor, FusedActor, TorchActor
from trainer.ppo.fused_network import FEW_ROWS, FusedNetwork
from trainer.ppo.fused_update import FusedEngine
from trainer.ppo.networks import ActorCritic
from trainer.ppo.team_update import Engine
from trainer.ppo.torch_update import TorchEngine


def make_engine(
    name: str,
    networks: Mapping[str, ActorCritic],
    specs: Mapping[str, TeamSpec],
    threads: int,
    *,
    distributed: bool,
) -> Engine:
    """An engine for a learner's networks.

    Args:
        name: "torch" or "fused".
        networks: by team.
        specs: by team.
        threads: for all teams together.
        distributed: whether there are other learners; only torch's can work beside others.
    """
    if name == "torch":
        return TorchEngine(threads, specs, distributed=distributed)
    return FusedEngine(_fused(networks, specs), threads)


def make_actor(
    name: str,
    networks: Mapping[str, ActorCritic],
    specs: Mapping[str, TeamSpec],
    threads: int,
    opponents: Mapping[str, ActorCritic] = MappingProxyType({}),
) -> Actor:
    """The same for sampling.

    Args:
        name: "torch" or "fused".
        networks: by team.
        specs: by player (see `Actor`).
        threads: that share the worlds.
        opponents: by player, the networks that act in few worlds.
    """
    if name == "torch":
        return TorchActor({**networks, **opponents})
    few = _fused(opponents, specs, FEW_ROWS)
    return FusedActor(_fused(networks, specs) | few, threads)


def _fused(
    networks: Mapping[str, ActorCritic],
    specs: Mapping[str, TeamSpec],
    most_rows: int | None = None,
) -> dict[str, FusedNetwork]:
    return {
        name: FusedNetwork(network, specs[name].live_columns, specs[name].live_state, most_rows)
        for name, network in networks.items()
    }
