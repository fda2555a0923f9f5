"""The rows that a policy learns from: a rollout with its advantages and value targets."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.ppo.advantages import generalized_advantage_estimation, standardize
from trainer.ppo.losses import Minibatch, explained_variance
from trainer.ppo.networks import ActorCritic
from trainer.ppo.rollout import TeamRollout


@torch.no_grad()
def train_batch(
    network: ActorCritic,
    rollout: TeamRollout,
    dones: Tensor,
    gamma: float,
    lambda_: float,
    reward_scale: float,
) -> tuple[Minibatch, float]:
    """The valid rows of a rollout [T, N, A], flattened to [R]; frozen agents' rows are left out.

    Args:
        network: gives the values.
        rollout: of one team.
        dones: [T, N] bool.
        gamma: discount per step.
        lambda_: of generalized advantage estimation.
        reward_scale: factor on rewards.

    Returns:
        The rows, and the explained variance of the values on them.
    """
    obs = torch.from_numpy(rollout.obs)
    values = torch.stack([network.value(step) for step in obs])
    rewards = torch.from_numpy(rollout.rewards) * reward_scale
    final = torch.from_numpy(rollout.final_values) if rollout.final_values.size else None
    advantages, targets = generalized_advantage_estimation(
        rewards, values, dones, gamma, lambda_, final
    )
    steps = rewards.shape[0]
    valid = torch.from_numpy(rollout.valid[:steps])
    advantages = standardize(advantages, valid)
    everything = Minibatch(
        obs=obs[:steps].flatten(0, 2),
        action_mask=torch.from_numpy(rollout.action_mask[:steps]).flatten(0, 2),
        actions=torch.from_numpy(rollout.actions).flatten(0, 2),
        logits=torch.from_numpy(rollout.logits).flatten(0, 2),
        logp=torch.from_numpy(rollout.logp).flatten(),
        advantages=advantages.flatten(),
        value_targets=targets.flatten(),
    )
    explained = float(explained_variance(targets[valid], values[:steps][valid]))
    if bool(valid.all()):
        return everything, explained
    return everything.select(valid.flatten().nonzero().squeeze(-1)), explained
