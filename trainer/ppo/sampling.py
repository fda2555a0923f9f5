"""Drawing actions from logits during rollouts: one compiled pass, no temporaries.

The torch distribution in `trainer/ppo/distributions.py` is the reference that the tests hold this
against.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from trainer.ppo.distributions import MASKED_LOGIT

_MASKED = np.float32(MASKED_LOGIT)


@njit(cache=True)
def sample_actions(
    logits: np.ndarray,
    action_mask: np.ndarray,
    nvec: np.ndarray,
    uniforms: np.ndarray,
    actions: np.ndarray,
    logp: np.ndarray,
) -> None:
    """Mask the logits in place, draw each head by inverting its distribution function, and sum
    log-probs.

    Args:
        logits: [R, L] float32; forbidden choices are overwritten with `MASKED_LOGIT`.
        action_mask: [R, L] bool, True = allowed, at least one per head.
        nvec: [H] int64, choices per head.
        uniforms: [R, H] float32 in [0, 1).
        actions: [R, H] int64, written.
        logp: [R] float32, written.
    """
    for row in range(logits.shape[0]):
        offset = 0
        total_logp = np.float32(0.0)
        for head in range(nvec.shape[0]):
            size = nvec[head]
            peak = _MASKED
            for k in range(offset, offset + size):
                if not action_mask[row, k]:
                    logits[row, k] = _MASKED
                elif logits[row, k] > peak:
                    peak = logits[row, k]
            mass = np.float32(0.0)
            for k in range(offset, offset + size):
                if action_mask[row, k]:
                    mass += math.exp(logits[row, k] - peak)
            threshold = uniforms[row, head] * mass
            cumulative = np.float32(0.0)
            chosen = offset
            for k in range(offset, offset + size):
                if action_mask[row, k]:
                    # Rounding can leave the threshold above all sums: the last choice stays.
                    chosen = k
                    cumulative += math.exp(logits[row, k] - peak)
                    if cumulative > threshold:
                        break
            actions[row, head] = chosen - offset
            total_logp += logits[row, chosen] - peak - math.log(mass)
            offset += size
        logp[row] = total_logp
