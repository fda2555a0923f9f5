"""What distributed learners work out together; every one of them has to make the same calls."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn


def any_learner(here: bool) -> bool:
    """Whether it is so on any of the learners."""
    flag = torch.tensor(float(here))
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag)


def average_gradients(network: nn.Module) -> None:
    """Replaces every gradient by its mean over the learners, in one message."""
    grads = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for grad, piece in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        grad.copy_(piece.view_as(grad))
