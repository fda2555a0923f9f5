"""A whole rollout without the interpreter: all teams act, the game steps, episodes are counted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trainer.engine.acting import act
from trainer.engine.jit import kernel
from trainer.engine.network import Network
from trainer.engine.rows import Inputs

PLAYED = -1


class Player(NamedTuple):
    """A team's policy and its arrays of T steps; rows are the agents of all worlds."""

    network: Network
    inputs: Inputs
    transposed: np.ndarray  # [P], the weights, [in, out]
    bias: np.ndarray  # [L], added to the logits
    tile: int  # rows at a time
    first: int  # the rows that play, of all those of the arrays
    end: int
    obs: np.ndarray  # [T + 1, rows, D]
    action_mask: np.ndarray  # [T + 1, rows, L]
    uniforms: np.ndarray  # [T, rows, H]
    logits: np.ndarray  # [T, rows, L], filled as the next ones
    actions: np.ndarray  # [T, rows, H]
    logp: np.ndarray  # [T, rows]


@kernel
def play(step, game, players, dones, stats, ended, counts):
    """Plays all steps.

    Args:
        step: of the game, see `CompiledSteps`.
        game: its state.
        players: a `Player` for each team.
        dones: [T, n] bool, filled by the game.
        stats: [n, S], written by the game where an episode ends.
        ended: [T * n, S], filled with the statistics of the episodes that have ended, in turn.
        counts: [T], filled with how many ended with each step.

    Returns:
        PLAYED, or what the game said to a step that it could not play.
    """
    total = 0
    for t in range(dones.shape[0]):
        for p in players:
            act(
                *(p.network, p.inputs, p.transposed, p.bias, p.tile),
                *(p.obs[t][p.first : p.end], p.action_mask[t][p.first : p.end]),
                *(p.uniforms[t][p.first : p.end], p.logits[t][p.first : p.end]),
                *(p.actions[t][p.first : p.end], p.logp[t][p.first : p.end]),
            )
        said = step(game, t)
        if said != PLAYED:
            return said
        before = total
        for n in range(dones.shape[1]):
            if dones[t, n]:
                ended[total] = stats[n]
                total += 1
        counts[t] = total - before
    return PLAYED
