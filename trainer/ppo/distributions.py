"""Several independent categorical heads with a mask, the distribution of every policy here.

Shapes: B rows, H heads with nvec[h] choices, L = sum(nvec) logits laid side by side.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

# Large enough that exp() underflows to exactly 0, small enough that differences stay finite in
# float32.
MASKED_LOGIT = -1e9


def mask_logits(logits: Tensor, action_mask: Tensor | None) -> Tensor:
    """Logits [..., L] with every choice that `action_mask` [..., L] forbids made impossible."""
    return logits if action_mask is None else logits.masked_fill(~action_mask, MASKED_LOGIT)


class MaskedMultiCategorical:
    """The joint distribution of H independent categorical heads.

    Args:
        logits: [B, L], unnormalized.
        nvec: choices per head.
        action_mask: [B, L] bool, True = allowed; each head needs at least one allowed choice.
    """

    def __init__(
        self, logits: Tensor, nvec: Sequence[int], action_mask: Tensor | None = None
    ) -> None:
        self.nvec = tuple(nvec)
        # Choices first, rows last: torch then works on whole rows at once, which for heads of three
        # or five choices is an order of magnitude faster than the other way round.
        mask = None if action_mask is None else action_mask.t()
        by_choice = mask_logits(logits.t().contiguous(), mask)
        self.logits = by_choice.t()
        heads = by_choice.split(self.nvec)
        self.log_probs = torch.cat([torch.log_softmax(head, dim=0) for head in heads])  # [L, B]

    def heads(self) -> tuple[Tensor, ...]:
        """Log-probabilities of the choices of each head, [nvec[h], B]."""
        return self.log_probs.split(self.nvec)

    def logp(self, actions: Tensor) -> Tensor:
        """Joint log-probability [B] of actions [B, H]."""
        first = torch.tensor([0, *itertools.accumulate(self.nvec[:-1])], device=actions.device)
        return self.log_probs.gather(0, (actions + first).t()).sum(0)

    def entropy(self) -> Tensor:
        """Joint entropy [B] in nats; a masked choice contributes exactly 0."""
        return -(self.log_probs.exp() * self.log_probs).sum(0)

    def kl(self, other: MaskedMultiCategorical) -> Tensor:
        """KL(self || other) [B] in nats; both must carry the same mask."""
        return (self.log_probs.exp() * (self.log_probs - other.log_probs)).sum(0)

    def mode(self) -> Tensor:
        """Most likely action per head, [B, H] int64."""
        return torch.stack([head.argmax(0) for head in self.heads()], dim=-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Actions [B, H] int64, drawn by the Gumbel-max trick (a masked choice never wins)."""
        noise = torch.empty_like(self.logits).exponential_(generator=generator).log_()
        heads = (self.logits - noise).split(self.nvec, dim=-1)
        return torch.stack([head.argmax(-1) for head in heads], dim=-1)
