"""Policies as they were: what of a network acts, kept as arrays, and made a network again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from trainer.opponents.pool import UNRATED, Member
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.policy_files import hollow_network

_ACTS = ("actor.", "policy_head.", "normalizer.")
_COUNT = "normalizer.count"  # only learning reads it


def acting_shapes(spec: PolicySpec) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of a `Member`, by name in their order."""
    return {name: tuple(value.shape) for name, value in _acting(hollow_network(spec)).items()}


def member_of(
    network: ActorCritic, iteration: int, rating: tuple[float, float] = UNRATED
) -> Member:
    """A copy of what acts of a network, to join a pool.

    Args:
        network: the policy now.
        iteration: iterations done.
        rating: mean and deviation.
    """
    weights = {name: value.cpu().numpy().copy() for name, value in _acting(network).items()}
    return Member(iteration, weights, *rating)


def frozen_network(spec: PolicySpec, weights: Mapping[str, np.ndarray]) -> ActorCritic:
    """The network of a `Member`; it acts as the policy did, and its values mean nothing.

    Draws nothing from any random stream, unlike a new network.
    """
    network = empty_network(spec)
    set_acting(network, weights)
    return network


def empty_network(spec: PolicySpec) -> ActorCritic:
    """A network of zeros, to be filled by `set_acting`."""
    network = hollow_network(spec)
    zeros = {
        name: torch.zeros(value.shape, dtype=value.dtype)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(zeros, assign=True)
    return network.eval()


def set_acting(network: ActorCritic, weights: Mapping[str, np.ndarray]) -> None:
    """Gives a network the weights of a `Member`, in place.

    Raises:
        ValueError: they are of another network.
    """
    own = _acting(network)
    found = {name: array.shape for name, array in weights.items()}
    if found != {name: tuple(value.shape) for name, value in own.items()}:
        raise ValueError(f"the weights {found} are of another network")
    for name, value in own.items():
        value.copy_(torch.from_numpy(weights[name]))


def _acting(network: ActorCritic) -> dict[str, torch.Tensor]:
    """The tensors that decide how a network acts, by name."""
    return {
        name: value
        for name, value in network.state_dict().items()
        if name.startswith(_ACTS) and name != _COUNT
    }
