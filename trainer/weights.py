"""Hashes of weights, to prove that two networks hold the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import nn


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
