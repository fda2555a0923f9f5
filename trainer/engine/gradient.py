"""The PPO gradient over one tile of rows: gather, forward, loss, backward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trainer.engine.heads import (
    CLIPPED,
    ENTROPY,
    FORBIDDEN,
    KL,
    MASKED_LOGIT,
    POLICY_LOSS,
    VF_LOSS,
    log_softmax,
    ppo_gradient,
    value_gradient,
)
from trainer.engine.jit import bare
from trainer.engine.network import Network, backward, forward
from trainer.engine.prefetch import prefetch_rows

_ZERO = np.float32(0.0)


class Coefficients(NamedTuple):
    """The scalars of the loss for one gradient step, see `trainer.ppo.losses`; all float32."""

    weight: np.float32  # 1 / rows of the minibatch
    clip: np.float32
    vf_clip: np.float32
    vf_loss: np.float32
    entropy: np.float32
    kl: np.float32


def room_floats(network: Network, rows: int) -> int:
    """The float32 numbers that `tile_gradient` needs as room for tiles of `rows`."""
    hidden = int(network.actor.sizes[1:-1].sum())
    inputs = int(network.actor.sizes[0]) + len(network.state_columns)
    outputs, heads = int(network.nvec.sum()), len(network.nvec)
    return rows * (inputs + 2 * hidden + 6 * outputs + heads + 8)


@bare
def _cut(room, begin, height, width):
    """A view [height, width] of `room` from `begin`, and its end."""
    end = begin + height * width
    return room[begin:end].reshape(height, width), end


@bare
def tile_gradient(network, weights, batch, bias, order, ahead, c, room, gradient, sums, adds):
    """The gradient of the loss over the rows `order` [R] of a batch.

    Args:
        network: see `Network`.
        weights: packed and transposed, see `pack`.
        batch: [count, width], see `rows`.
        bias: [L], added to the logits.
        order: [R], the rows.
        ahead: the rows of the next tile, fetched while this one is worked on.
        c: `Coefficients`.
        room: at least `room_floats`.
        gradient: [P], filled, or added to.
        sums: [NUM_SUMS], the sums over the rows, likewise.
        adds: 1 to add, 0 to fill.
    """
    packed, transposed = weights
    nvec = network.nvec
    R, K = order.shape[0], network.columns.shape[0]  # noqa: N806
    C = network.state_columns.shape[0]  # noqa: N806
    H, L = nvec.shape[0], bias.shape[0]  # noqa: N806
    hidden_size = R * network.actor.sizes[1:-1].sum()
    x, at = _cut(room, 0, R, K)
    state, at = _cut(room, at, R, C)
    by_row, at = _cut(room, at, R, L)
    logits, at = _cut(room, at, L, R)
    old_logps, at = _cut(room, at, L, R)
    probs, at = _cut(room, at, L, R)
    logps, at = _cut(room, at, L, R)
    actions, at = _cut(room, at, H, R)
    scalars, at = _cut(room, at, 3, R)
    values, at = _cut(room, at, R, 1)
    spare, at = _cut(room, at, 4, R)
    hidden = room[at : at + hidden_size]
    d_hidden = room[at + hidden_size : at + 2 * hidden_size]

    for r in range(R):
        row = batch[order[r]]
        for k in range(K):
            x[r, k] = row[k]
        for k in range(C):
            state[r, k] = row[K + k]
        for k in range(L):
            old_logps[k, r] = row[K + C + k]
        for h in range(H):
            actions[h, r] = row[K + C + L + h]
        for i in range(3):
            scalars[i, r] = row[K + C + L + H + i]
    old_logp, advantages, targets = scalars[0], scalars[1], scalars[2]
    prefetch_rows(batch, ahead)

    forward(network.actor, network.tanh, transposed, x, hidden, by_row)
    for r in range(R):
        for k in range(L):
            z = by_row[r, k] + bias[k]
            logits[k, r] = z if old_logps[k, r] > FORBIDDEN else MASKED_LOGIT
    log_softmax(nvec, logits, probs, logps, spare[0], spare[1])
    policy_loss, entropy, kl, clipped = ppo_gradient(
        nvec, probs, logps, old_logps, actions, old_logp, advantages, c, spare, logits
    )
    for r in range(R):
        for k in range(L):
            by_row[r, k] = logits[k, r]
    backward(network.actor, network.tanh, packed, x, hidden, by_row, d_hidden, gradient, adds)

    seen = state if network.reads_state else x
    forward(network.critic, network.tanh, transposed, seen, hidden, values)
    vf_loss = value_gradient(values.reshape(R), targets, c)
    backward(network.critic, network.tanh, packed, seen, hidden, values, d_hidden, gradient, adds)
    if not adds:
        sums[:] = _ZERO
    sums[VF_LOSS] += vf_loss
    sums[POLICY_LOSS] += policy_loss
    sums[ENTROPY] += entropy
    sums[KL] += kl
    sums[CLIPPED] += clipped
