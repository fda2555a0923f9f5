"""Generalized advantage estimation over time-major batches; knows neither Ray nor the
configuration.

Shapes: T steps, N worlds, A agents of one team.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_DEVIATION = 1e-4
"""What advantages are divided by at least."""


def generalized_advantage_estimation(
    rewards: Tensor,
    values: Tensor,
    dones: Tensor,
    gamma: float,
    lambda_: float,
    final_values: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Advantages and value targets (Schulman et al. 2016, https://arxiv.org/abs/1506.02438, eq.
    11-16).

        delta_t = r_t + gamma ((1 - done_t) V(s_{t+1}) + F_t) - V(s_t)
        A_t     = delta_t + gamma lambda (1 - done_t) A_{t+1}
        target_t = A_t + V(s_t)

    F_t is the value of the final observation of an episode that was truncated, else 0 (Pardo et
    al. 2018, https://arxiv.org/abs/1712.00378).

    Args:
        rewards: [T, N, A], r_t given for the action at step t.
        values: [T + 1, N, A], V(s_0) .. V(s_T); the last one bootstraps the unfinished episodes.
        dones: [T, N] bool, whether the episode ended, in either way, with step t.
        gamma: discount in [0, 1].
        lambda_: trace decay in [0, 1].
        final_values: [T, N, A], F_t; None: no episode was truncated.

    Returns:
        advantages [T, N, A] and value_targets [T, N, A].

    Raises:
        ValueError: the shapes do not belong together.
    """
    steps = rewards.shape[0]
    if values.shape != (steps + 1, *rewards.shape[1:]) or dones.shape != rewards.shape[:2]:
        raise ValueError(
            f"rewards {tuple(rewards.shape)} need values [T + 1, N, A] and dones [T, N], "
            f"got {tuple(values.shape)} and {tuple(dones.shape)}"
        )
    alive = (~dones).unsqueeze(-1).to(rewards.dtype)
    deltas = torch.addcmul(rewards, alive, values[1:], value=gamma).sub_(values[:-1])
    if final_values is not None:
        deltas.add_(final_values, alpha=gamma)
    decay = alive * (gamma * lambda_)
    advantages = torch.empty_like(deltas)
    running = torch.zeros_like(deltas[0])
    for t in range(steps - 1, -1, -1):
        running = torch.addcmul(deltas[t], decay[t], running, out=advantages[t])
    return advantages, advantages + values[:-1]


def standardize(advantages: Tensor, mask: Tensor) -> Tensor:
    """Advantages shifted and scaled to mean 0 and standard deviation 1 over the rows of `mask`.

    Rows outside the mask (frozen or absent agents) do not enter the moments. The population
    deviation with the floor `LEAST_DEVIATION` is RLlib's own convention.
    """
    chosen = advantages[mask]
    if chosen.numel() == 0:
        return advantages
    return (advantages - chosen.mean()) / chosen.std(unbiased=False).clamp_min(LEAST_DEVIATION)
