"""The health of a policy, measured after each update; `collapse.py` judges it without torch.

A learning rate far too high does not always end in NaN. More often one update throws the policy so
far that every softmax is saturated: it plays one action whatever it sees, its gradients are 0 from
then on, and training continues to its end silently. Two numbers show it, measured on the policy as
the update leaves it (those of the metrics are means over the update's minibatches, each from before
its step):

    KL to the policy before the update   healthy: 0.001 to 0.1 nats, whatever the stage of training
    entropy / the largest possible one   healthy: 1 at first, and 0.1 or more after a long training
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from trainer.errors import TrainingDiverged
from trainer.ppo.collapse import ENTROPY, KL, MAX_ENTROPY
from trainer.ppo.distributions import MaskedMultiCategorical
from trainer.ppo.losses import Minibatch
from trainer.ppo.networks import ActorCritic, not_finite, one_thread

FIGURES = (KL, ENTROPY, MAX_ENTROPY)

ROWS = 1024  # measured per update: 0.2% of its work with the default settings


def sample_of(count: int) -> Tensor:
    """Which of `count` rows a policy is measured on."""
    return torch.arange(0, count, max(1, count // ROWS))


def check(
    policy_id: str,
    network: ActorCritic,
    optimizer: torch.optim.Optimizer,
    sample: Minibatch,
    logit_bias: Sequence[float],
    anywhere: Callable[[bool], bool] = bool,
) -> dict[str, float]:
    """The `FIGURES` of a policy after an update.

    The gradients show only the weights before a step; the last step's are seen here first.

    Args:
        policy_id: its name in messages.
        network: the policy.
        optimizer: its optimizer, whose moments are checked too.
        sample: some of the rows of the update, see `sample_of`.
        logit_bias: what is added to its logits while training; may be empty.
        anywhere: whether its argument holds on any of the learners.

    Raises:
        TrainingDiverged: a weight, a moment or an output is not finite.
    """
    with one_thread():  # on so little, threads would mostly wait for each other
        broken = not_finite(state_tensors(network, optimizer))
        figures = None if broken else measure(network, sample, logit_bias)
    if anywhere(figures is None) or figures is None:
        what = broken[0] if broken else "an output"
        reason = f"{what} is not finite after the update"
        raise TrainingDiverged(f"{policy_id}: {reason}", (policy_id,))
    return figures


def state_tensors(network: ActorCritic, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights, buffers and the optimizer's moments, by name."""
    moments = {
        f"{key} of {name}": value
        for name, parameter in network.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    return network.state_dict() | moments


@torch.no_grad()
def measure(
    network: ActorCritic, rows: Minibatch, logit_bias: Sequence[float]
) -> dict[str, float] | None:
    """`KL`, `ENTROPY` and `MAX_ENTROPY` of a policy on some of the rows it has learned from.

    None where its outputs are not finite.
    """
    logits, values = network(rows.obs, rows.state)
    if not bool(logits.isfinite().all() & values.isfinite().all()):
        return None
    if logit_bias:
        logits = logits + torch.tensor(logit_bias, device=logits.device)
    nvec = network.spec.nvec
    new = MaskedMultiCategorical(logits, nvec, rows.action_mask)
    old = MaskedMultiCategorical(rows.logits, nvec)
    choices = torch.stack([head.sum(-1) for head in rows.action_mask.split(list(nvec), -1)])
    return {
        KL: float(old.kl(new).mean()),
        ENTROPY: float(new.entropy().mean()),
        MAX_ENTROPY: float(choices.float().log().sum(0).mean()),
    }
