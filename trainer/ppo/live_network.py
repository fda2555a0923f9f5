"""An `ActorCritic` at work on whole batches: the outputs of the network itself, with less work.

It reads the observation columns that can be other than 0 and no others, normalizes every
observation once and not in every pass, and computes a layer with its tanh in place.

Shapes: R rows, D observation size, C columns that can be other than 0, L logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.ppo.networks import ActorCritic, Tanh


class LiveNetwork:
    """See above; made anew for every update, since a normalizer changes the columns.

    Attributes:
        device: where it reads and computes.

    Args:
        network: the policy.
        declared: the columns that the game writes, see `TeamSpec.live_columns`.
    """

    def __init__(self, network: ActorCritic, declared: Sequence[int] | None) -> None:
        self._network = network
        size = network.spec.obs_size
        columns = live_columns(network, np.arange(size) if declared is None else declared)
        self.device = network.device
        self._columns = torch.from_numpy(columns).to(self.device) if len(columns) < size else None

    def inputs(self, obs: Tensor) -> Tensor:
        """What the first layer gets of observations [R, D]: [R, C]."""
        normalizer, columns = self._network.normalizer, self._columns
        if columns is not None:
            obs = obs.index_select(1, columns)
        return obs if normalizer is None else normalizer.scaled(obs, columns)

    def value(self, inputs: Tensor) -> Tensor:
        """Values [R] of `inputs` [R, C]."""
        tower = self._network.actor if self._network.critic is None else self._network.critic
        return self._network.value_head(self._hidden(tower, inputs)).squeeze(-1)

    def __call__(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Unmasked logits [R, L], in memory choice by choice, and values [R]."""
        network = self._network
        hidden = self._hidden(network.actor, inputs)
        vf_hidden = hidden if network.critic is None else self._hidden(network.critic, inputs)
        head = network.policy_head
        logits = torch.addmm(head.bias[:, None], head.weight, hidden.t()).t()
        return logits, network.value_head(vf_hidden).squeeze(-1)

    def _hidden(self, tower: nn.Sequential, x: Tensor) -> Tensor:
        for number, layer in enumerate(tower):
            if isinstance(layer, nn.Linear):
                weight = layer.weight
                if number == 0 and self._columns is not None:
                    weight = weight.index_select(1, self._columns)
                if isinstance(tower[number + 1], Tanh):
                    x = _LinearTanh.apply(x, weight, layer.bias)
                else:
                    x = tower[number + 1](functional.linear(x, weight, layer.bias))
        return x if len(tower) else self._selected_back(x)

    def _selected_back(self, x: Tensor) -> Tensor:
        """The inputs at their place among all columns, for a head that sits on them."""
        if self._columns is None:
            return x
        return x.new_zeros(len(x), self._network.spec.obs_size).index_copy(1, self._columns, x)


def live_columns(network: ActorCritic, declared: Sequence[int] | np.ndarray) -> np.ndarray:
    """The columns of observations that can be other than 0 once they are normalized, ascending."""
    live = np.asarray(declared, np.int64)
    if network.normalizer is None:
        return live
    # A column that was alive earlier, at another level, is a constant now and not 0.
    return np.union1d(live, np.flatnonzero(network.normalizer.mean.cpu().numpy()))


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
