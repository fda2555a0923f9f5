"""Values of a rollout, and generalized advantage estimation from them."""

from __future__ import annotations

import numpy as np

from trainer.engine.jit import kernel
from trainer.engine.network import forward
from trainer.engine.rows import take_inputs


@kernel
def fill_values(network, inputs, transposed, obs, values, tile):
    """Fills values [n] of observations [n, D], or states, `tile` rows at a time.

    `inputs` are those of the critic.
    """
    hidden = np.empty(tile * network.critic.sizes[1:-1].sum(), np.float32)
    size = inputs.columns.shape[0]
    room = np.empty(tile * size, np.float32)
    for first in range(0, values.shape[0], tile):
        end = min(first + tile, values.shape[0])
        x = room[: (end - first) * size].reshape(end - first, size)
        take_inputs(inputs, obs[first:end], x)
        out = values[first:end].reshape(end - first, 1)
        forward(network.critic, network.tanh, transposed, x, hidden, out)


@kernel
def fill_advantages(
    rewards, reward_scale, values, dones, final_values, gamma, lambda_, advantages, targets
):
    """GAE (Schulman et al. 2016, eq. 11-16), see `trainer.ppo.advantages`.

    Args:
        rewards: [T, N, A].
        reward_scale: factor on them.
        values: [T + 1, N, A].
        dones: [T, N].
        final_values: [T, N, A], or [0, N, A] where no episode is truncated.
        gamma, lambda_: discount and trace decay, float32.
        advantages, targets: [T, N, A], filled.
    """
    steps, worlds, agents = rewards.shape
    running = np.zeros((worlds, agents), np.float32)
    for t in range(steps - 1, -1, -1):
        for n in range(worlds):
            alive = np.float32(not dones[t, n])
            for a in range(agents):
                value = values[t, n, a]
                delta = (
                    rewards[t, n, a] * reward_scale + alive * gamma * values[t + 1, n, a] - value
                )
                if final_values.shape[0] > 0:
                    delta += gamma * final_values[t, n, a]
                running[n, a] = delta + gamma * lambda_ * alive * running[n, a]
                advantages[t, n, a] = running[n, a]
                targets[t, n, a] = running[n, a] + value


@kernel
def standardize(advantages, index, floor):
    """Shifts and scales flat advantages to mean 0 and deviation 1 over the rows `index`, in place.

    See `trainer.ppo.advantages.standardize`; `floor` is the smallest deviation.
    """
    total, squares = 0.0, 0.0
    for i in range(index.shape[0]):
        total += advantages[index[i]]
    mean = total / index.shape[0]
    for i in range(index.shape[0]):
        error = advantages[index[i]] - mean
        squares += error * error
    scale = 1.0 / max(np.sqrt(squares / index.shape[0]), floor)
    for i in range(index.shape[0]):
        advantages[index[i]] = np.float32((advantages[index[i]] - mean) * scale)
