"""Choosing actions by the policy's logits and given noise: the same luck in every replay.

Every tile is computed whole, as in `acting`: a choice does not depend on the rows beside it.
"""

from __future__ import annotations

import numpy as np

from trainer.engine.jit import kernel
from trainer.engine.network import forward
from trainer.engine.rows import take_inputs


@kernel
def choose(network, inputs, transposed, tile, obs, mask, noise, actions):
    """Takes the allowed choice of each head whose logit and noise have the largest sum.

    Args:
        network: see `Network`.
        inputs: see `Inputs`.
        transposed: [P], the weights, [in, out].
        tile: rows at a time.
        obs: [n, D].
        mask: [n, L] bool, True = allowed, at least one per head.
        noise: [n, L], added to the logits.
        actions: [n, H] int64, filled.
    """
    hidden = np.empty(tile * network.actor.sizes[1:-1].sum(), np.float32)
    x = np.zeros((tile, inputs.columns.shape[0]), np.float32)
    out = np.empty((tile, mask.shape[1]), np.float32)
    for first in range(0, obs.shape[0], tile):
        end = min(first + tile, obs.shape[0])
        take_inputs(inputs, obs[first:end], x)
        forward(network.actor, network.tanh, transposed, x, hidden, out)
        for row in range(first, end):
            at = 0
            for head in range(network.nvec.shape[0]):
                best, most = 0, np.float32(-np.inf)
                for k in range(network.nvec[head]):
                    score = out[row - first, at + k] + noise[row, at + k]
                    if mask[row, at + k] and score > most:
                        best, most = k, score
                actions[row, head] = best
                at += network.nvec[head]
