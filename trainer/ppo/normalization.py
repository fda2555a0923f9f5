"""Running observation normalization, as a part of the network it belongs to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CLIP = 10.0
EPSILON = 1e-8


class ObsNormalizer(nn.Module):
    """Standardizes observations by running mean and variance (Chan et al. 1979, parallel moments).

    The moments are buffers: they are saved, exported and synced like weights, but not trained. They
    are frozen while a batch is collected and learned from, so that old and new policy see the same
    inputs.
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, obs_size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(obs_size))
        self.register_buffer("var", torch.ones(obs_size))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, obs: Tensor) -> Tensor:
        """Observations [..., D] shifted, scaled and clipped to +-10."""
        return self.scaled(obs, None)

    def scaled(self, obs: Tensor, columns: Tensor | None) -> Tensor:
        """The same of some `columns` [C], given their observations [..., C]; None: of all."""
        mean, var = self.mean, self.var
        if columns is not None:
            mean, var = mean[columns], var[columns]
        return ((obs - mean) * (var + EPSILON).rsqrt()).clamp(-CLIP, CLIP)

    @torch.no_grad()
    def update(self, count: float, mean: Tensor, var: Tensor) -> None:
        """Merges the moments of a batch: `count` rows with mean [D] and population variance [D]."""
        if count <= 0:
            return
        mean, var = mean.to(self.mean.device), var.to(self.mean.device)
        total = self.count + count
        delta = mean - self.mean
        share = (count / total).to(self.mean.dtype)
        between = delta.square() * share * (1.0 - share)
        self.var.copy_(self.var * (1.0 - share) + var * share + between)
        self.mean.add_(delta * share)
        self.count.copy_(total)


def power_sums(rows: Tensor) -> Tensor:
    """Sums of the columns of `rows` [R, D], then of their squares: [2 * D] float64."""
    sums = torch.zeros(2 * rows.shape[1], dtype=torch.float64)
    for part in rows.split(8192):  # in pieces: a float64 copy of all rows would be large
        exact = part.double()
        sums += torch.cat([exact.sum(0), exact.square().sum(0)])
    return sums
