"""A network as the kernels see it: two towers of layers in one flat vector of weights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trainer.engine import elementary
from trainer.engine.jit import bare
from trainer.engine.product import add_product, product

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)

_CACHE_FLOATS = 128 * 1024
"""What a tile's numbers may take, half a megabyte: what today's cores have as second-level cache.

The same on every machine, since the size of the tiles decides in which order gradients are added.
"""
_MOST_ROWS, _FEWEST_ROWS = 256, 32


class Tower(NamedTuple):
    """A multilayer perceptron."""

    sizes: np.ndarray  # [layers + 1] int64: inputs, hidden widths, outputs
    at: np.ndarray  # [layers] int64: where a layer's weights [out, in] begin, its bias behind them


class Network(NamedTuple):
    """An actor and a critic.

    The critic reads the observation, as the actor does, or a state in its place. Packed weights
    hold the actor's layers, then the critic's, without the columns that are always zero;
    transposed weights the same with every layer [in, out].
    """

    actor: Tower
    critic: Tower
    nvec: np.ndarray  # [H] int64, choices per action head
    columns: np.ndarray  # [K] int64, the observation columns that can be non-zero
    reads_state: bool  # whether the critic reads the state
    state_columns: np.ndarray  # [C] int64, its columns that can be non-zero; C = 0 where not read
    source: np.ndarray  # [P] int64, where each packed weight lies among the policy's parameters
    tanh: bool  # whether hidden layers are activated by tanh, otherwise by relu


def describe(
    obs_size: int,
    hiddens: Sequence[int],
    nvec: Sequence[int],
    columns: np.ndarray,
    tanh: bool,
    state_size: int = 0,
    state_columns: np.ndarray | None = None,
) -> Network:
    """The network whose parameters are laid out as torch has those of an `ActorCritic`.

    That is: the actor's hidden layers, the critic's, the policy head, the value head; each layer's
    weights [out, in], then its bias.

    Args:
        obs_size: D.
        hiddens: widths of the hidden layers of either tower.
        nvec: [H].
        columns: [K], see `Network`.
        tanh: see `Network`.
        state_size: of the state that the critic reads; 0: it reads the observation.
        state_columns: [C], see `Network`; None: all.
    """
    outputs, state = sum(nvec), np.zeros(0, np.int64)
    seen = obs_size, columns  # by the critic
    if state_size:
        state = np.arange(state_size) if state_columns is None else state_columns
        seen = state_size, state
    actor, critic, policy_head, value_head = _layers(
        (obs_size, *hiddens), (seen[0], *hiddens), (hiddens[-1], outputs), (hiddens[-1], 1)
    )
    sources, towers, packed_at = [], [], 0
    for (size, live), trunk, head, out in (
        ((obs_size, columns), actor, policy_head, outputs),
        (seen, critic, value_head, 1),
    ):
        weights, bias = np.split(trunk[0], [size * hiddens[0]])
        first = np.concatenate([weights.reshape(hiddens[0], size)[:, live].ravel(), bias])
        layers = [first, *trunk[1:], *head]
        starts = packed_at + np.cumsum([0, *(len(layer) for layer in layers)])
        sizes = (len(live), *hiddens, out)
        towers.append(Tower(np.array(sizes, np.int64), starts[:-1].astype(np.int64)))
        sources += layers
        packed_at = int(starts[-1])
    return Network(
        towers[0],
        towers[1],
        nvec=np.array(nvec, np.int64),
        columns=columns.astype(np.int64),
        reads_state=state_size > 0,
        state_columns=state.astype(np.int64),
        source=np.concatenate(sources).astype(np.int64),
        tanh=tanh,
    )


def _layers(*towers: Sequence[int]) -> list[list[np.ndarray]]:
    """Where the parameters of every layer lie, of towers of these sizes one behind the other."""
    found, at = [], 0
    for sizes in towers:
        layers = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            end = at + fan_out * (fan_in + 1)
            layers.append(np.arange(at, end))
            at = end
        found.append(layers)
    return found


def tile_rows(network: Network) -> int:
    """R: how many rows fit into the cache with all that a gradient needs of them."""
    hidden = int(network.actor.sizes[1:-1].sum())
    inputs = int(network.actor.sizes[0]) + len(network.state_columns)
    floats = inputs + 3 * hidden + 6 * int(network.nvec.sum())
    rows = 2 ** int(np.log2(max(1, _CACHE_FLOATS // floats)))
    return min(max(rows, _FEWEST_ROWS), _MOST_ROWS)


@bare
def pack(network, parameters, packed, transposed):
    """Fills both layouts of the weights from a policy's parameters."""
    for i in range(packed.shape[0]):
        packed[i] = parameters[network.source[i]]
    for tower in (network.actor, network.critic):
        for layer in range(tower.at.shape[0]):
            fan_in, fan_out, at = tower.sizes[layer], tower.sizes[layer + 1], tower.at[layer]
            for i in range(fan_in):
                for o in range(fan_out):
                    transposed[at + i * fan_out + o] = packed[at + o * fan_in + i]
            bias = at + fan_in * fan_out
            for i in range(bias, bias + fan_out):
                transposed[i] = packed[i]


@bare
def forward(tower, tanh, transposed, x, hidden, out):
    """A tower's outputs for a tile of rows.

        h_l = activation(h_{l-1} W_l^T + b_l), the last layer without activation

    Args:
        tower: its layers.
        tanh: see `Network`.
        transposed: [P], the weights, [in, out].
        x: [R, inputs].
        hidden: filled with every hidden layer's activations [R, W], one behind the other.
        out: [R, outputs], filled.
    """
    rows, last = x.shape[0], tower.at.shape[0] - 1
    inputs, begin = x, 0
    for layer in range(last):
        fan_in, fan_out, at = tower.sizes[layer], tower.sizes[layer + 1], tower.at[layer]
        bias = at + fan_in * fan_out
        h = hidden[begin : begin + rows * fan_out].reshape(rows, fan_out)
        product(inputs, transposed[at:bias].reshape(fan_in, fan_out), h)
        activate(h, transposed[bias : bias + fan_out], tanh)
        inputs, begin = h, begin + rows * fan_out
    fan_in, fan_out, at = tower.sizes[last], tower.sizes[last + 1], tower.at[last]
    bias = at + fan_in * fan_out
    product(inputs, transposed[at:bias].reshape(fan_in, fan_out), out)
    for row in range(rows):
        for column in range(fan_out):
            out[row, column] += transposed[bias + column]


@bare
def backward(tower, tanh, packed, x, hidden, d_out, d_hidden, gradient, adds):
    """The gradient of a tower's weights over a tile of rows, by the chain rule.

        dW_l = dz_l^T h_{l-1},  db_l = sum of dz_l,  dz_{l-1} = (dz_l W_l) activation'

    Args:
        tower: its layers.
        tanh: see `Network`.
        packed: [P], the weights, [out, in].
        x: [R, inputs].
        hidden: as `forward` left it.
        d_out: [R, outputs], the loss's derivatives by the outputs.
        d_hidden: room for the derivatives by the hidden layers, like `hidden`.
        gradient: [P], this tower's part is filled, or added to.
        adds: 1 to add, 0 to fill.
    """
    rows, last = x.shape[0], tower.at.shape[0] - 1
    end = rows * tower.sizes[1:-1].sum()
    dz = d_out
    for layer in range(last, 0, -1):
        fan_in, fan_out, at = tower.sizes[layer], tower.sizes[layer + 1], tower.at[layer]
        bias = at + fan_in * fan_out
        begin = end - rows * fan_in
        h = hidden[begin:end].reshape(rows, fan_in)
        add_product(dz, h, gradient[at:bias].reshape(fan_out, fan_in), adds)
        sum_columns(dz, gradient[bias : bias + fan_out], adds)
        dh = d_hidden[begin:end].reshape(rows, fan_in)
        product(dz, packed[at:bias].reshape(fan_out, fan_in), dh)
        deactivate(dh, h, tanh)
        dz, end = dh, begin
    fan_in, fan_out, at = tower.sizes[0], tower.sizes[1], tower.at[0]
    bias = at + fan_in * fan_out
    add_product(dz, x, gradient[at:bias].reshape(fan_out, fan_in), adds)
    sum_columns(dz, gradient[bias : bias + fan_out], adds)


@bare
def activate(h, bias, tanh):
    """Adds a bias [W] to h [R, W] and applies the activation, in place."""
    for row in range(h.shape[0]):
        if tanh:
            for column in range(h.shape[1]):
                h[row, column] = elementary.tanh(h[row, column] + bias[column])
        else:
            for column in range(h.shape[1]):
                h[row, column] = max(h[row, column] + bias[column], _ZERO)


@bare
def deactivate(dh, h, tanh):
    """Takes derivatives dh [R, W] by activations h back to those before the activation."""
    for row in range(h.shape[0]):
        if tanh:
            for column in range(h.shape[1]):
                dh[row, column] *= _ONE - h[row, column] * h[row, column]
        else:
            for column in range(h.shape[1]):
                dh[row, column] = dh[row, column] if h[row, column] > _ZERO else _ZERO


@bare
def sum_columns(values, sums, adds):
    """Fills sums [W] with the sums of the columns of values [R, W], or adds them."""
    if not adds:
        sums[:] = _ZERO
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[column] += values[row, column]
