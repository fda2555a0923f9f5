"""Sampling actions: inputs, forward pass, mask, softmax and draw, tile by tile.

Every tile is computed whole, also where fewer rows are left: what a product's last bits are depends
on its size, and an agent's action must not depend on how many others are beside it.
"""

from __future__ import annotations

import numpy as np

from trainer.engine.heads import MASKED_LOGIT, log_softmax, sample
from trainer.engine.jit import kernel
from trainer.engine.network import forward
from trainer.engine.rows import take_inputs

_NAN = np.float32(np.nan)


@kernel
def act(network, inputs, transposed, bias, tile, obs, mask, uniforms, logits, actions, logp):
    """Draws an action for every row.

    Args:
        network: see `Network`.
        inputs: see `Inputs`.
        transposed: [P], the weights, [in, out].
        bias: [L], added to the logits.
        tile: rows at a time.
        obs: [n, D].
        mask: [n, L] bool, True = allowed, at least one per head.
        uniforms: [n, H] in [0, 1).
        logits: [n, L], filled with the masked logits.
        actions: [n, H] int64, filled.
        logp: [n], filled with the actions' log-probability; NaN where a head allows no choice.
    """
    size, outputs = inputs.columns.shape[0], logits.shape[1]
    hidden = np.empty(tile * network.actor.sizes[1:-1].sum(), np.float32)
    x, out = np.zeros((tile, size), np.float32), np.empty((tile, outputs), np.float32)
    by_choice = np.zeros((outputs, tile), np.float32)
    probs, logps = np.empty_like(by_choice), np.empty_like(by_choice)
    spare = np.empty((2, tile), np.float32)
    for first in range(0, obs.shape[0], tile):
        end = min(first + tile, obs.shape[0])
        take_inputs(inputs, obs[first:end], x)
        forward(network.actor, network.tanh, transposed, x, hidden, out)
        for row in range(end - first):
            for k in range(outputs):
                z = out[row, k] + bias[k] if mask[first + row, k] else MASKED_LOGIT
                logits[first + row, k] = by_choice[k, row] = z
        log_softmax(network.nvec, by_choice, probs, logps, spare[0], spare[1])
        sample(network.nvec, probs, logps, uniforms[first:end], actions[first:end], logp[first:end])
        for row in range(first, end):
            at = 0
            for head in range(network.nvec.shape[0]):
                if not mask[row, at + actions[row, head]]:
                    logp[row] = _NAN
                at += network.nvec[head]
