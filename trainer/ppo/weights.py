"""What can be said of weights as a whole: their hash, and whether they are numbers at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def weights_hash(networks: Mapping[str, nn.Module]) -> str:
    """SHA-256 over names, shapes and bytes of all parameters and buffers, in any order."""
    digest = hashlib.sha256()
    for policy_id in sorted(networks):
        state = networks[policy_id].state_dict()
        for name in sorted(state):
            value = state[name].detach().cpu().contiguous()
            digest.update(f"{policy_id}/{name}:{value.dtype}{tuple(value.shape)}".encode())
            digest.update(value.numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that hold a NaN or an infinity."""
    values = {name: value for name, value in tensors.items() if value.is_floating_point()}
    # One flat check instead of one per tensor: after every update there is hardly ever a finding.
    flat = [value.reshape(-1) for value in values.values()]
    if not flat or bool(torch.cat(flat).isfinite().all()):
        return []
    return [name for name, value in values.items() if not bool(value.isfinite().all())]
