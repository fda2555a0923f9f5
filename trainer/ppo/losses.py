"""The PPO loss of one policy in pure torch; knows neither Ray nor the configuration.

Shapes: B rows, H action heads, L = sum(nvec) logits. Every mean runs over the B rows given: frozen
and absent agents are left out of the minibatch beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from trainer.ppo.distributions import MaskedMultiCategorical


@dataclass(frozen=True)
class PPOCoefficients:
    """The scalars of the loss; plain floats, so that schedules can change them between updates.

    Attributes:
        clip_param: epsilon of the clipped surrogate.
        vf_clip_param: largest squared value error that still gives a gradient.
        vf_loss_coeff: weight of the value loss.
        entropy_coeff: weight of the entropy bonus.
        kl_coeff: weight of the KL penalty, 0 turns it off.
    """

    clip_param: float
    vf_clip_param: float
    vf_loss_coeff: float
    entropy_coeff: float
    kl_coeff: float


@dataclass
class Minibatch:
    """Rows of one policy.

    Attributes:
        obs: [B, D] float32.
        action_mask: [B, L] bool, True = allowed.
        actions: [B, H] integer.
        logits: [B, L] masked logits of the policy that acted; [B, 0]: they are not needed.
        logp: [B] log-probability of the actions under that policy.
        advantages: [B], standardized.
        value_targets: [B].
        state: [B, S] float32; None: the value function reads the observations.
    """

    obs: Tensor
    action_mask: Tensor
    actions: Tensor
    logits: Tensor
    logp: Tensor
    advantages: Tensor
    value_targets: Tensor
    state: Tensor | None = None

    def select(self, index: Tensor) -> Minibatch:
        """The rows at `index`; `index_select` is several times faster than fancy indexing."""
        return self._map(lambda column: column.index_select(0, index))

    def to(self, device: torch.device) -> Minibatch:
        """The same rows on a device."""
        return self._map(lambda column: column.to(device))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Minibatch:
        columns: list[Any] = [c if c is None else function(c) for c in vars(self).values()]
        return Minibatch(*columns)

    def select_for_step(self, index: Tensor, *, kl: bool) -> Minibatch:
        """The same, without the old logits where no KL is asked for."""
        return (self if kl else replace(self, logits=self.logits[:, :0])).select(index)


def ppo_loss(
    logits: Tensor,
    values: Tensor,
    batch: Minibatch,
    nvec: Sequence[int],
    coefficients: PPOCoefficients,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Clipped surrogate, clipped value loss, entropy bonus and KL penalty.

    Schulman et al. 2017 (https://arxiv.org/abs/1707.06347), eq. 7, 8 and 9; the value error is
    clipped and the KL penalty added as RLlib does it, with whose loss and gradients this agrees:

        L = mean(-min(r A, clip(r, 1 - eps, 1 + eps) A) + c_v min((V - V_target)^2, c_clip) - c_e H)
            + c_kl mean(KL(old || new))

    Args:
        logits: [B, L] unmasked logits of the current policy.
        values: [B] of the current value function.
        batch: the rows.
        nvec: choices per action head.
        coefficients: the scalars.

    Returns:
        The loss, and detached scalars: policy_loss, vf_loss, entropy, kl, clip_fraction; kl is nan
        without the old logits.
    """
    new = MaskedMultiCategorical(logits, nvec, batch.action_mask)
    ratio = torch.exp(new.logp(batch.actions) - batch.logp)
    clipped_ratio = ratio.clamp(1.0 - coefficients.clip_param, 1.0 + coefficients.clip_param)
    surrogate = torch.min(batch.advantages * ratio, batch.advantages * clipped_ratio).mean()
    vf_loss = (values - batch.value_targets).square().clamp(max=coefficients.vf_clip_param).mean()
    entropy = new.entropy().mean()
    kl = torch.tensor(torch.nan, device=logits.device)
    if batch.logits.shape[1]:
        kl = MaskedMultiCategorical(batch.logits, nvec, None).kl(new).mean()

    loss = -surrogate + coefficients.vf_loss_coeff * vf_loss - coefficients.entropy_coeff * entropy
    if coefficients.kl_coeff > 0.0:
        loss = loss + coefficients.kl_coeff * kl
    scalars = {
        "policy_loss": -surrogate.detach(),
        "vf_loss": vf_loss.detach(),
        "entropy": entropy.detach(),
        "kl": kl.detach(),
        "clip_fraction": (ratio != clipped_ratio).float().mean(),
    }
    return loss, scalars


def adapt_kl_coeff(kl_coeff: float, kl: float, kl_target: float) -> float:
    """The next KL coefficient: x1.5 above twice the target, x0.5 below half of it.

    Schulman et al. 2017, section 4, with RLlib's factor. A non-finite `kl` leaves the coefficient
    alone.
    """
    if kl > 2.0 * kl_target:
        return kl_coeff * 1.5 if kl != float("inf") else kl_coeff
    if kl < 0.5 * kl_target:
        return kl_coeff * 0.5
    return kl_coeff


def explained_variance(targets: Tensor, predictions: Tensor) -> Tensor:
    """1 - Var(targets - predictions) / Var(targets), at least -1; nan for no rows at all."""
    if targets.numel() == 0:
        return torch.tensor(torch.nan)
    variance = targets.var(unbiased=False)
    residual = (targets - predictions).var(unbiased=False)
    return torch.clamp(1.0 - residual / (variance + 1e-8), min=-1.0)
