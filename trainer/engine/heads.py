"""Several categorical heads with a mask, for a tile of rows: softmax, sampling, the PPO loss.

Arrays are [L, R], choices first: every loop then runs over rows, whatever the size of a head.
"""

from __future__ import annotations

import numpy as np

from trainer.engine import elementary
from trainer.engine.jit import bare

MASKED_LOGIT = np.float32(-1e9)
FORBIDDEN = np.float32(-5e8)  # below: a masked choice, also as a log-probability
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)

POLICY_LOSS, VF_LOSS, ENTROPY, KL, CLIPPED, NUM_SUMS = range(6)
"""The columns of a tile's sums."""


@bare
def log_softmax(nvec, logits, probs, logps, peak, total):
    """Fills probs and logps [L, R] from masked logits [L, R]; peak and total [R] are room."""
    first = 0
    for head in range(nvec.shape[0]):
        end = first + nvec[head]
        for r in range(peak.shape[0]):
            peak[r] = logits[first, r]
        for k in range(first + 1, end):
            for r in range(peak.shape[0]):
                peak[r] = max(peak[r], logits[k, r])
        total[:] = _ZERO
        for k in range(first, end):
            for r in range(peak.shape[0]):
                probs[k, r] = elementary.exp(logits[k, r] - peak[r])
                total[r] += probs[k, r]
        for r in range(peak.shape[0]):
            peak[r] += elementary.log(total[r])
            total[r] = _ONE / total[r]
        for k in range(first, end):
            for r in range(peak.shape[0]):
                probs[k, r] *= total[r]
                logps[k, r] = logits[k, r] - peak[r]
        first = end


@bare
def sample(nvec, probs, logps, uniforms, actions, logp):
    """Draws every head by inverting its distribution function.

    Args:
        nvec: [H].
        probs, logps: [L, R]; a masked choice has probability 0.
        uniforms: [R, H] in [0, 1).
        actions: [R, H], filled.
        logp: [R], filled with the actions' joint log-probability.
    """
    for r in range(logp.shape[0]):
        logp[r] = _ZERO
        first = 0
        for head in range(nvec.shape[0]):
            below = _ZERO
            chosen = 0
            for k in range(first, first + nvec[head]):
                # Rounding can leave the uniform above all sums: the last choice allowed stays.
                if logps[k, r] > FORBIDDEN and below <= uniforms[r, head]:
                    chosen = k - first
                below += probs[k, r]
            actions[r, head] = chosen
            logp[r] += logps[first + chosen, r]
            first += nvec[head]


@bare
def ppo_gradient(nvec, probs, logps, old_logps, actions, old_logp, advantages, c, room, d_logits):
    """The policy's part of the PPO loss of a tile, and its derivatives by the logits.

    With p = softmax(z) per head, r = pi(a) / pi_old(a) and one-hot actions a, summed over heads
    (Schulman et al. 2017, https://arxiv.org/abs/1707.06347, eq. 7 to 9):

        -min(r A, clip(r, 1 - eps, 1 + eps) A)   d/dz = -A r (a - p) where r A is the smaller
        -c_e H                                   d/dz = c_e p (log p + H)
        c_kl KL(old || new)                      d/dz = c_kl (p - p_old)

    Args:
        nvec: [H].
        probs, logps: [L, R] of the current policy.
        old_logps: [L, R] of the policy that acted.
        actions: [H, R] as floats.
        old_logp, advantages: [R].
        c: `Coefficients`; its `weight` is 1 / rows of the minibatch.
        room: [4, R].
        d_logits: [L, R], filled.

    Returns:
        Sums over the rows: policy loss, entropy, KL, rows that were clipped.
    """
    count = old_logp.shape[0]
    logp, entropy, kl, push = room[0], room[1], room[2], room[3]
    logp[:] = _ZERO
    entropy[:] = _ZERO
    kl[:] = _ZERO
    first = 0
    for head in range(nvec.shape[0]):
        for k in range(first, first + nvec[head]):
            choice = np.float32(k - first)
            for r in range(count):
                logp[r] += logps[k, r] if actions[head, r] == choice else _ZERO
                entropy[r] -= probs[k, r] * logps[k, r]
                kl[r] += elementary.exp(old_logps[k, r]) * (old_logps[k, r] - logps[k, r])
        first += nvec[head]

    policy_loss, clipped, entropy_sum, kl_sum = _ZERO, _ZERO, _ZERO, _ZERO
    for r in range(count):
        ratio = elementary.exp(logp[r] - old_logp[r])
        within = min(max(ratio, _ONE - c.clip), _ONE + c.clip)
        gain, held = advantages[r] * ratio, advantages[r] * within
        push[r] = -gain * c.weight if gain <= held else _ZERO
        policy_loss -= min(gain, held)
        clipped += _ONE if ratio != within else _ZERO
        entropy_sum += entropy[r]
        kl_sum += kl[r]

    first = 0
    for head in range(nvec.shape[0]):
        end = first + nvec[head]
        entropy[:] = _ZERO
        for k in range(first, end):
            for r in range(count):
                entropy[r] -= probs[k, r] * logps[k, r]
        for k in range(first, end):
            choice = np.float32(k - first)
            for r in range(count):
                p = probs[k, r]
                taken = _ONE if actions[head, r] == choice else _ZERO
                d = push[r] * (taken - p)
                d += c.entropy * c.weight * p * (logps[k, r] + entropy[r])
                d += c.kl * c.weight * (p - elementary.exp(old_logps[k, r]))
                d_logits[k, r] = d
        first = end
    return policy_loss, entropy_sum, kl_sum, clipped


@bare
def value_gradient(values, targets, c):
    """Turns values [R] into the value loss's derivatives; returns its sum over the rows.

    c_v min((V - target)^2, c_clip)   d/dV = 2 c_v (V - target), 0 where clipped
    """
    loss = _ZERO
    for r in range(targets.shape[0]):
        error = values[r] - targets[r]
        square = error * error
        loss += min(square, c.vf_clip)
        # Where the square is not finite, nor is its product with 0: it must not go unnoticed.
        slope = _TWO * c.vf_loss * c.weight * error
        values[r] = slope if square <= c.vf_clip else _ZERO * square
    return loss
