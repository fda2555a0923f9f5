"""The rows that a policy learns from, each one stretch of memory.

A gradient step reads rows in random order; side by side, their numbers come with few cache misses.

    [ obs, live columns (K) | state, live columns (C, 0 where the critic does not read it) |
      old log-probabilities (L) | actions (H) | logp | advantage | target ]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trainer.engine.heads import MASKED_LOGIT, log_softmax
from trainer.engine.jit import bare, kernel
from trainer.engine.prefetch import CACHE_LINE


class Inputs(NamedTuple):
    """How observations, or states, become a tower's inputs."""

    columns: np.ndarray  # [K] int64, the columns that can be non-zero
    normalizes: bool
    mean: np.ndarray  # [K] float32
    scale: np.ndarray  # [K] float32, 1 / standard deviation
    clip: np.float32  # normalized values stay within +- this


def row_width(num_columns: int, nvec: np.ndarray) -> int:
    """Floats of a row with K + C = `num_columns`, padded to whole cache lines."""
    floats = num_columns + int(nvec.sum()) + len(nvec) + 3
    return -(-floats // CACHE_LINE) * CACHE_LINE


@bare
def take_inputs(inputs, obs, x):
    """Fills the first rows of x [R, K] from observations [R or fewer, D], or states."""
    for row in range(obs.shape[0]):
        source = obs[row]
        for k in range(x.shape[1]):
            x[row, k] = source[inputs.columns[k]]
        if inputs.normalizes:
            for k in range(x.shape[1]):
                z = (x[row, k] - inputs.mean[k]) * inputs.scale[k]
                x[row, k] = min(max(z, -inputs.clip), inputs.clip)


@kernel
def fill_rows(
    inputs, states, nvec, index, obs, state, old_logits, actions, logp, advantages, targets, rows
):
    """Fills rows [count, width] with the rows `index` [count] of a rollout's flat arrays.

    Args:
        inputs: of the actor, see `Inputs`.
        states: of a critic that reads the state; without columns where it reads the observation.
        nvec: [H].
        index: which rows of the rollout.
        obs: [n, D]; state [n, S]; old_logits [n, L], masked; actions [n, H]; logp, advantages,
            targets [n].
        rows: [count, width], filled.
    """
    K, C = inputs.columns.shape[0], states.columns.shape[0]  # noqa: N806
    H, L = nvec.shape[0], old_logits.shape[1]  # noqa: N806
    tile = 256
    logits = np.empty((L, tile), np.float32)
    probs, logps = np.empty_like(logits), np.empty_like(logits)
    peak, total = np.empty(tile, np.float32), np.empty(tile, np.float32)
    logits[:] = MASKED_LOGIT
    for first in range(0, index.shape[0], tile):
        count = min(tile, index.shape[0] - first)
        for r in range(count):
            for k in range(L):
                logits[k, r] = old_logits[index[first + r], k]
        log_softmax(nvec, logits, probs, logps, peak, total)
        for r in range(count):
            at, row = index[first + r], rows[first + r]
            take_inputs(inputs, obs[at : at + 1], row[:K].reshape(1, K))
            if C > 0:
                take_inputs(states, state[at : at + 1], row[K : K + C].reshape(1, C))
            rest = row[K + C :]
            for k in range(L):
                rest[k] = logps[k, r]
            for h in range(H):
                rest[L + h] = actions[at, h]
            rest[L + H] = logp[at]
            rest[L + H + 1] = advantages[at]
            rest[L + H + 2] = targets[at]
