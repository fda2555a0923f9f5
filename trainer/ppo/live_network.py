"""An `ActorCritic` at work on whole batches: the outputs of the network itself, with less work.

It reads the columns of observations and states that can be other than 0 and no others, normalizes
every row once and not in every pass, and computes a layer with its tanh in place.

Shapes: R rows, D observation size, S state size, C columns that can be other than 0, L logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.ppo.networks import ActorCritic, Tanh
from trainer.ppo.normalization import ObsNormalizer


class LiveNetwork:
    """See above; made anew for every update, since a normalizer changes the columns.

    Attributes:
        device: where it reads and computes.

    Args:
        network: the policy.
        declared: the columns of observations that the game writes, see `TeamSpec.live_columns`.
        declared_state: the same of the states, for a value function that reads them.
    """

    def __init__(
        self,
        network: ActorCritic,
        declared: Sequence[int] | None,
        declared_state: Sequence[int] | None = None,
    ) -> None:
        self._network = network
        self.device = network.device
        spec = network.spec
        self._obs = _Reader(network.normalizer, spec.obs_size, declared, self.device)
        self._seen = self._obs  # by the value function
        if spec.state_size:
            self._seen = _Reader(
                network.state_normalizer, spec.state_size, declared_state, self.device
            )

    def inputs(self, obs: Tensor) -> Tensor:
        """What the policy's first layer gets of observations [R, D]: [R, C]."""
        return self._obs.inputs(obs)

    def state_inputs(self, state: Tensor) -> Tensor:
        """What the value function's first layer gets of states [R, S], if it reads them."""
        return self._seen.inputs(state)

    def value(self, inputs: Tensor) -> Tensor:
        """Values [R] of what the value function's first layer gets [R, C]."""
        tower = self._network.actor if self._network.critic is None else self._network.critic
        return self._network.value_head(_hidden(tower, self._seen, inputs)).squeeze(-1)

    def __call__(self, inputs: Tensor, state_inputs: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Unmasked logits [R, L], in memory choice by choice, and values [R].

        Args:
            inputs: of the policy [R, C].
            state_inputs: [R, C] of a value function that reads the state.
        """
        network = self._network
        hidden = _hidden(network.actor, self._obs, inputs)
        vf_hidden = hidden
        if network.critic is not None:
            seen = inputs if state_inputs is None else state_inputs
            vf_hidden = _hidden(network.critic, self._seen, seen)
        head = network.policy_head
        logits = torch.addmm(head.bias[:, None], head.weight, hidden.t()).t()
        return logits, network.value_head(vf_hidden).squeeze(-1)


class _Reader:
    """The columns that a network reads of its rows, normalized.

    Args:
        normalizer: of the rows; None: they are taken as they are.
        size: of a row.
        declared: the columns that the game writes; None: all.
        device: where it works.
    """

    def __init__(
        self,
        normalizer: ObsNormalizer | None,
        size: int,
        declared: Sequence[int] | None,
        device: torch.device,
    ) -> None:
        self._normalizer, self._size = normalizer, size
        live = live_columns(normalizer, np.arange(size) if declared is None else declared)
        self.columns = torch.from_numpy(live).to(device) if len(live) < size else None

    def inputs(self, rows: Tensor) -> Tensor:
        """What a first layer gets of rows [R, size]: [R, C]."""
        if self.columns is not None:
            rows = rows.index_select(1, self.columns)
        return rows if self._normalizer is None else self._normalizer.scaled(rows, self.columns)

    def selected_back(self, x: Tensor) -> Tensor:
        """The inputs at their place among all columns, for a head that sits on them."""
        if self.columns is None:
            return x
        return x.new_zeros(len(x), self._size).index_copy(1, self.columns, x)


def _hidden(tower: nn.Sequential, reader: _Reader, x: Tensor) -> Tensor:
    """The last hidden layer [R, W] of a tower for its inputs [R, C]."""
    for number, layer in enumerate(tower):
        if isinstance(layer, nn.Linear):
            weight = layer.weight
            if number == 0 and reader.columns is not None:
                weight = weight.index_select(1, reader.columns)
            if isinstance(tower[number + 1], Tanh):
                x = _LinearTanh.apply(x, weight, layer.bias)
            else:
                x = tower[number + 1](functional.linear(x, weight, layer.bias))
    return x if len(tower) else reader.selected_back(x)


def live_columns(
    normalizer: ObsNormalizer | None, declared: Sequence[int] | np.ndarray
) -> np.ndarray:
    """The columns that can be other than 0 once they are normalized, ascending.

    Args:
        normalizer: of the rows, if there is one.
        declared: the columns that the game writes.
    """
    live = np.asarray(declared, np.int64)
    if normalizer is None:
        return live
    # A column that was alive earlier, at another level, is a constant now and not 0.
    return np.union1d(live, np.flatnonzero(normalizer.mean.cpu().numpy()))


class _LinearTanh(torch.autograd.Function):
    """tanh(x W^T + b) by the formula of `trainer.ppo.networks.Tanh`, without temporaries."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        # The factor 2 within the product costs nothing and is exact.
        y = torch.addmm(bias, x, weight.t(), beta=2, alpha=2).sigmoid_().mul_(2.0).sub_(1.0)
        ctx.save_for_backward(x, weight, y)
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight, y = ctx.saved_tensors
        grad = torch.ops.aten.tanh_backward(grad_outputs[0], y)
        grad_x = grad.mm(weight) if ctx.needs_input_grad[0] else None
        return grad_x, grad.t().mm(x), grad.sum(0)
