"""The PPO loss against stock RLlib's own code, and the pieces against their definitions."""

from collections.abc import Callable

import pytest
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from tests.ppo.one_step_env import CHOICES
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.distributions import MaskedMultiCategorical
from trainer.ppo.losses import (
    Minibatch,
    PPOCoefficients,
    adapt_kl_coeff,
    explained_variance,
    ppo_loss,
)

NVEC = (CHOICES, 3)
ROWS = 300


def random_minibatch(seed: int) -> Minibatch:
    """Rows whose old policy differs enough from any network's that the clipping takes effect."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(ROWS, sum(NVEC), generator=generator) > 0.3
    mask[:, 0] = mask[:, CHOICES] = True
    logits = torch.randn(ROWS, sum(NVEC), generator=generator)
    old = MaskedMultiCategorical(logits, NVEC, mask)
    actions = old.sample(generator)
    return Minibatch(
        obs=torch.randn(ROWS, CHOICES, generator=generator),
        action_mask=mask,
        actions=actions,
        logits=old.logits,
        logp=old.logp(actions),
        advantages=torch.randn(ROWS, generator=generator),
        value_targets=3.0 * torch.randn(ROWS, generator=generator),
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kl_coeff", [0.0, 0.3])
def test_loss_and_gradients_agree_with_stock_rllib(
    build: Callable[..., TeamPPO], seed: int, kl_coeff: float
) -> None:
    trainer = build()
    learner = trainer.learner
    config = learner.config.copy(copy_frozen=False).training(
        clip_param=0.2,
        vf_clip_param=4.0,
        vf_loss_coeff=0.7,
        entropy_coeff=0.02,
        use_kl_loss=kl_coeff > 0,
    )
    learner.config = config
    learner.entropy_coeff_schedulers_per_module.clear()
    learner.curr_kl_coeffs_per_module["seeker_policy"] = torch.tensor(kl_coeff)
    batch = random_minibatch(seed)
    module = learner.module["seeker_policy"]
    network = module.net

    rllib_batch = {
        Columns.OBS: batch.obs,
        "action_mask": batch.action_mask,
        Columns.ACTIONS: batch.actions,
        Columns.ACTION_DIST_INPUTS: batch.logits,
        Columns.ACTION_LOGP: batch.logp,
        Postprocessing.ADVANTAGES: batch.advantages,
        Postprocessing.VALUE_TARGETS: batch.value_targets,
    }
    fwd_out = module.forward_train(rllib_batch)
    stock_loss = learner.compute_loss_for_module(
        module_id="seeker_policy", config=config, batch=rllib_batch, fwd_out=fwd_out
    )
    stock = torch.autograd.grad(stock_loss, list(network.parameters()))

    coefficients = PPOCoefficients(0.2, 4.0, 0.7, 0.02, kl_coeff)
    logits, values = network(batch.obs)
    loss, scalars = ppo_loss(logits, values, batch, NVEC, coefficients)
    ours = torch.autograd.grad(loss, list(network.parameters()))

    assert scalars["clip_fraction"] > 0.1  # else the clipped branch would not be compared
    torch.testing.assert_close(loss, stock_loss, atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(ours, stock, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_value_errors_beyond_the_clip_give_no_gradient() -> None:
    batch = random_minibatch(0)
    batch.value_targets = torch.full((ROWS,), 10.0)
    values = torch.zeros(ROWS, requires_grad=True)
    values.data[: ROWS // 2] = 9.0
    logits = torch.zeros(ROWS, sum(NVEC), requires_grad=True)
    loss, _ = ppo_loss(logits, values, batch, NVEC, PPOCoefficients(0.2, 4.0, 1.0, 0.0, 0.0))
    (grad,) = torch.autograd.grad(loss, values)
    assert (grad[: ROWS // 2] != 0).all()
    assert (grad[ROWS // 2 :] == 0).all()


def test_without_the_old_logits_the_loss_is_the_same_and_has_no_kl() -> None:
    batch, index = random_minibatch(0), torch.arange(0, ROWS, 3)
    logits, values = torch.randn(len(index), sum(NVEC)), torch.randn(len(index))
    coefficients = PPOCoefficients(0.2, 4.0, 1.0, 0.1, 0.0)
    found = [
        ppo_loss(logits, values, batch.select_for_step(index, kl=kl), NVEC, coefficients)
        for kl in (True, False)
    ]
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1]["kl"].isfinite()
    assert found[1][1]["kl"].isnan()


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        (0.021, 0.3),
        (0.02, 0.2),
        (0.005, 0.2),
        (0.0049, 0.1),
        (float("nan"), 0.2),
        (float("inf"), 0.2),
    ],
)
def test_kl_coefficient_follows_the_target(kl: float, expected: float) -> None:
    assert adapt_kl_coeff(0.2, kl, kl_target=0.01) == pytest.approx(expected)


def test_explained_variance_of_perfect_useless_and_harmful_values() -> None:
    targets = torch.arange(10.0)
    assert explained_variance(targets, targets + 5) == pytest.approx(1.0)
    assert explained_variance(targets, torch.zeros(10)) == pytest.approx(0.0)
    assert explained_variance(targets, -10 * targets) == -1.0
