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
from trainer.ppo.normalization import CLIP, EPSILON, ObsNormalizer

FEW_ROWS = 32
"""Of a tile, for a policy that acts in a small share of the worlds."""


class FusedNetwork:
    """One policy's network, bound to the engine.

    Attributes:
        network: the torch network; its parameters become views of one flat vector.
        description: its shape, as the kernels know it.
        inputs: how observations become inputs of the actor.
        states: how states become inputs of the critic; without columns where it reads observations.
        tile: rows that are worked on at a time.
        weights: packed and transposed, as of the last `refresh`.
    """

    description: engine.Network
    inputs: Inputs
    states: Inputs
    tile: int
    weights: tuple[np.ndarray, np.ndarray]

    def __init__(
        self,
        network: ActorCritic,
        declared: Sequence[int] | None,
        declared_state: Sequence[int] | None = None,
        most_rows: int | None = None,
    ) -> None:
        """Binds a network.

        Args:
            network: the policy.
            declared: the columns of observations that the game writes, see `TeamSpec`.
            declared_state: the same of the states.
            most_rows: of a tile, for a policy that acts for few rows: tiles are computed whole.
        """
        self.network = network
        spec = network.spec
        live = range(spec.obs_size) if declared is None else declared
        live_state = range(spec.state_size) if declared_state is None else declared_state
        self._live = np.array(live, np.int64)
        self._live_state = np.array(live_state if spec.state_size else (), np.int64)
        self._most_rows = most_rows
        self._columns: list[np.ndarray] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Takes over what has changed: the weights, and the moments of a normalizer."""
        spec, normalizers = self.network.spec, self._normalizers()
        # The columns that can be other than 0 once they are normalized.
        columns = [
            live_columns(normalizer, live)
            for normalizer, live in zip(normalizers, (self._live, self._live_state), strict=True)
        ]
        if self._columns is None or not all(map(np.array_equal, columns, self._columns)):
            self._columns = columns
            self.description = engine.describe(
                *(spec.obs_size, spec.hiddens, spec.nvec, columns[0], spec.activation == "tanh"),
                *(spec.state_size, columns[1]),
            )
            self.tile = engine.tile_rows(self.description)
            if self._most_rows is not None:
                self.tile = min(self.tile, self._most_rows)
            size = len(self.description.source)
            self.weights = (np.zeros(size, np.float32), np.zeros(size, np.float32))
        self.inputs, self.states = map(_inputs, normalizers, columns)
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

    @property
    def vf_inputs(self) -> Inputs:
        """How what the critic reads becomes its inputs."""
        return self.states if self.network.spec.state_size else self.inputs

    def _normalizers(self) -> tuple[ObsNormalizer | None, ObsNormalizer | None]:
        return self.network.normalizer, self.network.state_normalizer


def _inputs(normalizer: ObsNormalizer | None, columns: np.ndarray) -> Inputs:
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
