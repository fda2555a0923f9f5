"""The rows that a policy learns from: a rollout with its advantages and value targets."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.ppo.advantages import generalized_advantage_estimation, standardize
from trainer.ppo.live_network import LiveNetwork
from trainer.ppo.losses import Minibatch, explained_variance
from trainer.ppo.rollout import TeamRollout

_VALUE_ROWS = 4096  # of one forward pass: its layers then stay in the cache


@torch.no_grad()
def train_batch(
    network: LiveNetwork,
    rollout: TeamRollout,
    dones: Tensor,
    gamma: float,
    lambda_: float,
    reward_scale: float,
) -> tuple[Minibatch, Tensor, float]:
    """The valid rows of a rollout [T, N, A], flattened to [R]; frozen agents' rows are left out.

    Args:
        network: gives the values.
        rollout: of one team.
        dones: [T, N] bool.
        gamma: discount per step.
        lambda_: of generalized advantage estimation.
        reward_scale: factor on rewards.

    Returns:
        The rows on the network's device, with what it reads of their observations and states
        [R, C]; which of the T * N * A rows they are [R], on the CPU; and the explained variance of
        the values on them.
    """
    inputs = network.inputs(torch.from_numpy(rollout.obs).flatten(0, 2).to(network.device))
    state, seen = None, inputs
    if rollout.state.shape[-1]:
        state = torch.from_numpy(rollout.state).flatten(0, 2).to(network.device)
        state = seen = network.state_inputs(state)
    # Advantages are a loop over the steps: for a GPU that is little work in many small pieces.
    values = torch.cat([network.value(part) for part in seen.split(_VALUE_ROWS)]).cpu()
    values = values.view(rollout.obs.shape[:3])
    rewards = torch.from_numpy(rollout.rewards) * reward_scale
    final = torch.from_numpy(rollout.final_values) if rollout.final_values.size else None
    advantages, targets = generalized_advantage_estimation(
        rewards, values, dones, gamma, lambda_, final
    )
    steps = rewards.shape[0]
    valid = torch.from_numpy(rollout.valid[:steps])
    advantages = standardize(advantages, valid)
    everything = Minibatch(
        obs=inputs[: valid.numel()],
        action_mask=torch.from_numpy(rollout.action_mask[:steps]).flatten(0, 2),
        actions=torch.from_numpy(rollout.actions).flatten(0, 2),
        logits=torch.from_numpy(rollout.logits).flatten(0, 2),
        logp=torch.from_numpy(rollout.logp).flatten(),
        advantages=advantages.flatten(),
        value_targets=targets.flatten(),
        state=None if state is None else state[: valid.numel()],
    ).to(network.device)
    explained = float(explained_variance(targets[valid], values[:steps][valid]))
    index = valid.flatten().nonzero().squeeze(-1)
    rows = (
        everything if len(index) == valid.numel() else everything.select(index.to(network.device))
    )
    return rows, index, explained
