"""One agent's action, for a program that plays with a trained policy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from trainer.ppo.networks import ActorCritic


def single_action(
    networks: Mapping[str, ActorCritic],
    observation: np.ndarray,
    policy_id: str,
    explore: bool,
    action_mask: np.ndarray | None,
) -> np.ndarray:
    """One agent's action [H] for its observation [D].

    Args:
        networks: by policy.
        observation: what the agent sees.
        policy_id: the policy that acts.
        explore: draw the action, or take the most likely one.
        action_mask: [L] bool, True = allowed; None allows everything.

    Raises:
        ValueError: unknown policy, or an observation of another shape.
    """
    if policy_id not in networks:
        raise ValueError(f"unknown policy_id '{policy_id}'; one of {', '.join(networks)}")
    network = networks[policy_id]
    obs = np.asarray(observation, np.float32)
    size = network.spec.obs_size
    if obs.shape != (size,):
        raise ValueError(f"observation of shape {obs.shape}; {policy_id} takes ({size},)")
    mask = None if action_mask is None else torch.as_tensor(action_mask, dtype=torch.bool)[None]
    return network.act(torch.from_numpy(obs)[None], mask, explore)[0].numpy()
