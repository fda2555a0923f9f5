"""A whole update of one policy, shared by any number of threads.

Every minibatch is cut into shares, and a share into tiles that fit into the cache. Threads take
shares from a counter; the one that finishes the last share of a step adds the shares' gradients in
their order, clips, applies Adam and opens the next step. So the result does not depend on how many
threads there are or who is faster, and a thread whose own policy is done can help with another one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trainer.engine import atomic
from trainer.engine.gradient import Coefficients, tile_gradient
from trainer.engine.heads import CLIPPED, ENTROPY, KL, NUM_SUMS, POLICY_LOSS, VF_LOSS
from trainer.engine.jit import bare, kernel
from trainer.engine.network import Network, pack

FINISHED, NOTHING_TO_DO = 1, 0
_PATIENCE = 4096
"""Looks at the counter before a thread without a share does other work; some 10 microseconds."""

_TICKET, _DONE, _FAILED = 0, 8, 9  # the first in a cache line of its own
_STEP_AT = 32  # a ticket is step << 32 | share
_SHARES = 8  # of a step, where it has as many tiles: enough for eight threads and each team

LR, ENTROPY_COEFF, CLIP_PARAM, VF_LOSS_COEFF, NUM_VALUES = range(5)
"""The columns of `Plan.values`."""

NUM_SCALARS = 7
"""Of a step: loss, policy loss, value loss, entropy, KL, clip fraction, gradient norm."""


class Plan(NamedTuple):
    """What an update does, step by step."""

    batch: np.ndarray  # [count, width] float32, see `rows`
    order: np.ndarray  # int64, the rows of all steps one behind the other
    bounds: np.ndarray  # [steps + 1] int64, where each step begins in it
    tile: int  # rows that are worked on at once
    share: int  # rows that a thread takes at once, see `share_rows`
    values: np.ndarray  # [steps, NUM_VALUES] float64
    bias: np.ndarray  # [L] float32, added to the logits
    vf_clip: float
    kl_coeff: float
    grad_clip: float


class Adam(NamedTuple):
    """The state of the optimizer, flat."""

    exp_avg: np.ndarray
    exp_avg_sq: np.ndarray
    beta1: float
    beta2: float
    epsilon: float
    steps: int  # done before this update


class State(NamedTuple):
    """What changes during an update."""

    parameters: np.ndarray  # float32, flat
    gradient: np.ndarray  # like the parameters; always zero where a column is dead
    weights: tuple[np.ndarray, np.ndarray]  # packed, transposed: [P] each
    parts: np.ndarray  # [shares, P], the gradient of each share
    sums: np.ndarray  # [shares, NUM_SUMS]
    scalars: np.ndarray  # [steps, NUM_SCALARS] float64
    control: np.ndarray  # [16] int64: the counters


def share_rows(bounds: np.ndarray, tile: int) -> int:
    """The rows of a share for the steps that `bounds` delimit: whole tiles."""
    tiles = -(-int(np.diff(bounds).max()) // tile)
    return tile * -(-tiles // _SHARES)


def new_state(network: Network, plan: Plan, parameters: np.ndarray) -> State:
    """The state before the first step."""
    size = len(network.source)
    shares = -(-int(np.diff(plan.bounds).max()) // plan.share)
    steps = len(plan.values)
    state = State(
        parameters=parameters,
        gradient=np.zeros_like(parameters),
        weights=(np.zeros(size, np.float32), np.zeros(size, np.float32)),
        parts=np.zeros((shares, size), np.float32),
        sums=np.zeros((shares, NUM_SUMS), np.float32),
        scalars=np.zeros((steps, NUM_SCALARS), np.float64),
        control=np.zeros(16, np.int64),
    )
    pack(network, parameters, *state.weights)
    return state


def failed_step(state: State) -> int | None:
    """The step whose gradient was not finite; None if there was none."""
    return int(state.control[_FAILED]) - 1 if state.control[_FAILED] else None


def abandon(state: State) -> None:
    """Ends an update whose thread has failed, so that no other waits for it."""
    state.control[_TICKET] = len(state.scalars) << _STEP_AT


@kernel
def work(network, plan, adam, state, room):
    """Does shares of an update until it is finished or other threads have the rest.

    Args:
        network: see `Network`.
        plan: see `Plan`.
        adam: see `Adam`.
        state: see `State`.
        room: [room_floats] float32 of this thread.

    Returns:
        FINISHED or NOTHING_TO_DO.
    """
    steps = plan.values.shape[0]
    looked = 0
    while True:
        ticket = atomic.load(state.control, _TICKET)
        step, share = ticket >> _STEP_AT, ticket & ((1 << _STEP_AT) - 1)
        if step >= steps:
            return FINISHED
        begin, end = plan.bounds[step], plan.bounds[step + 1]
        shares = -((begin - end) // plan.share)
        if share >= shares:
            looked += 1
            if looked > _PATIENCE:
                return NOTHING_TO_DO
            continue
        if not atomic.swap_if(state.control, _TICKET, ticket, ticket + 1):
            continue
        looked = 0
        values = plan.values[step]
        coefficients = Coefficients(
            np.float32(1.0 / (end - begin)),
            np.float32(values[CLIP_PARAM]),
            np.float32(plan.vf_clip),
            np.float32(values[VF_LOSS_COEFF]),
            np.float32(values[ENTROPY_COEFF]),
            np.float32(plan.kl_coeff),
        )
        first = begin + share * plan.share
        rows = plan.order[first : min(first + plan.share, end)]
        _share_gradient(network, plan, state, rows, coefficients, share, room)
        if atomic.add(state.control, _DONE, 1) == shares - 1:
            state.control[_DONE] = 0
            if _step(network, plan, adam, state, step, shares, coefficients):
                atomic.store(state.control, _TICKET, (step + 1) << _STEP_AT)
            else:
                state.control[_FAILED] = step + 1
                atomic.store(state.control, _TICKET, steps << _STEP_AT)


@bare
def _share_gradient(network, plan, state, rows, coefficients, share, room):
    """The gradient over the rows of one share, tile by tile."""
    part, sums, tile = state.parts[share], state.sums[share], plan.tile
    for first in range(0, rows.shape[0], tile):
        order, ahead = rows[first : first + tile], rows[first + tile : first + 2 * tile]
        tile_gradient(
            *(network, state.weights, plan.batch, plan.bias, order, ahead, coefficients, room),
            *(part, sums, int(first > 0)),
        )


@kernel
def _step(network, plan, adam, state, step, shares, c):
    """Applies the shares' gradients to the parameters; whether gradient and loss were finite."""
    parts, source = state.parts, network.source
    total = parts[0]
    for share in range(1, shares):
        for i in range(total.shape[0]):
            total[i] += parts[share, i]
    square = 0.0
    for i in range(total.shape[0]):
        square += np.float64(total[i]) * np.float64(total[i])
        state.gradient[source[i]] = total[i]
    norm = np.sqrt(square)
    _write_scalars(state.sums[:shares], c, norm, state.scalars[step])
    if not np.isfinite(norm + state.scalars[step, 0]):
        return False
    scale = np.float32(min(1.0, plan.grad_clip / (norm + 1e-6)))
    _apply_adam(adam, plan.values[step, LR], adam.steps + step + 1, scale, state)
    pack(network, state.parameters, *state.weights)
    return True


@kernel
def _write_scalars(sums, c, norm, scalars):
    means = np.zeros(NUM_SUMS, np.float64)
    for share in range(sums.shape[0]):
        for i in range(NUM_SUMS):
            means[i] += sums[share, i] * np.float64(c.weight)
    scalars[0] = (
        means[POLICY_LOSS] + c.vf_loss * means[VF_LOSS] - c.entropy * means[ENTROPY]
    ) + c.kl * means[KL]
    scalars[1], scalars[2], scalars[3] = means[POLICY_LOSS], means[VF_LOSS], means[ENTROPY]
    scalars[4], scalars[5], scalars[6] = means[KL], means[CLIPPED], norm


@bare
def _apply_adam(adam, lr, t, scale, state):
    """One step of Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1).

    m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
    theta -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)
    """
    m, v, theta, gradient = adam.exp_avg, adam.exp_avg_sq, state.parameters, state.gradient
    keep1, take1 = np.float32(adam.beta1), np.float32(1.0 - adam.beta1)
    keep2, take2 = np.float32(adam.beta2), np.float32(1.0 - adam.beta2)
    rate = np.float32(lr / (1.0 - adam.beta1**t))
    root = np.float32(1.0 / np.sqrt(1.0 - adam.beta2**t))
    epsilon = np.float32(adam.epsilon)
    for i in range(theta.shape[0]):
        g = gradient[i] * scale
        m[i] = keep1 * m[i] + take1 * g
        v[i] = keep2 * v[i] + take2 * g * g
        theta[i] -= rate * m[i] / (np.sqrt(v[i]) * root + epsilon)
