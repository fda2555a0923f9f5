"""An `ActorCritic` and its optimizer as the fused engine works on them: flat arrays, no copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from trainer.engine import network as engine
from trainer.engine.rows import Inputs
from trainer.engine.update import Adam
from trainer.ppo.live_network import live_columns
from trainer.ppo.networks import ActorCritic
from trainer.ppo.normalization import CLIP, EPSILON


class FusedNetwork:
    """One policy's network, bound to the engine.

    Attributes:
        network: the torch network; its parameters become views of one flat vector.
        description: its shape, as the kernels know it.
        inputs: how observations become inputs.
        tile: rows that are worked on at a time.
        weights: packed and transposed, as of the last `refresh`.
    """

    description: engine.Network
    inputs: Inputs
    tile: int
    weights: tuple[np.ndarray, np.ndarray]

    def __init__(self, network: ActorCritic, declared: Sequence[int] | None) -> None:
        self.network = network
        live = range(network.spec.obs_size) if declared is None else declared
        self._live = np.array(live, np.int64)
        self._columns: np.ndarray | None = None
        self.refresh()

    def refresh(self) -> None:
        """Takes over what has changed: the weights, and the moments of a normalizer."""
        columns = self._live_columns()
        if self._columns is None or not np.array_equal(columns, self._columns):
            spec = self.network.spec
            self._columns = columns
            self.description = engine.describe(
                spec.obs_size, spec.hiddens, spec.nvec, columns, spec.activation == "tanh"
            )
            self.tile = engine.tile_rows(self.description)
            size = len(self.description.source)
            self.weights = (np.zeros(size, np.float32), np.zeros(size, np.float32))
        self.inputs = self._inputs(columns)
        engine.pack(self.description, self.parameters(), *self.weights)

    def parameters(self) -> np.ndarray:
        """All parameters, flat; what is written here is in the network."""
        return flat_view([p.data for p in self.network.parameters()], self._lay_parameters)

    def _lay_parameters(self, views: Sequence[Tensor]) -> None:
        for parameter, view in zip(self.network.parameters(), views, strict=True):
            parameter.data = view

    def adam(self, optimizer: torch.optim.Optimizer) -> Adam:
        """The state of torch's Adam, flat; what is written here is in the optimizer."""
        parameters = list(self.network.parameters())
        states = [optimizer.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:  # as torch fills it at the first step
                state["step"] = torch.tensor(0.0)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)

        def flat(name: str) -> np.ndarray:
            def lay(views: Sequence[Tensor]) -> None:
                for state, view in zip(states, views, strict=True):
                    state[name] = view

            return flat_view([state[name] for state in states], lay)

        group = optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        return Adam(
            flat("exp_avg"),
            flat("exp_avg_sq"),
            beta1=float(beta1),
            beta2=float(beta2),
            epsilon=float(group["eps"]),
            steps=int(states[0]["step"]),
        )

    def _live_columns(self) -> np.ndarray:
        """The columns that can be other than 0 once they are normalized."""
        return live_columns(self.network, self._live)

    def _inputs(self, columns: np.ndarray) -> Inputs:
        normalizer = self.network.normalizer
        if normalizer is None:
            zeros = np.zeros(len(columns), np.float32)
            return Inputs(columns, False, zeros, zeros, np.float32(CLIP))
        mean, scale = normalizer.mean.numpy(), (normalizer.var + EPSILON).rsqrt().numpy()
        return Inputs(columns, True, mean[columns], scale[columns], np.float32(CLIP))


def flat_view(tensors: Sequence[Tensor], lay: Callable[[Sequence[Tensor]], None]) -> np.ndarray:
    """The tensors one behind the other as one array on the same memory.

    Args:
        tensors: float32, on the CPU.
        lay: called with views of one new flat tensor where they do not lie so yet, such as after a
            restore; it puts them in the tensors' place.
    """
    sizes = [tensor.numel() for tensor in tensors]
    storages = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    places = tensors[0].data_ptr() + 4 * np.cumsum([0, *sizes[:-1]])
    if len(storages) == 1 and [tensor.data_ptr() for tensor in tensors] == places.tolist():
        return tensors[0].as_strided((sum(sizes),), (1,)).numpy()
    flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    pieces = zip(flat.split(sizes), tensors, strict=True)
    lay([piece.view_as(tensor) for piece, tensor in pieces])
    return flat.numpy()
