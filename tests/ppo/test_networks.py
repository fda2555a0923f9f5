"""Networks: the fast tanh, masks, weights and normalization."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from trainer.ppo.networks import ActorCritic, PolicySpec, Tanh, weights_hash
from trainer.ppo.normalization import ObsNormalizer

SPEC = PolicySpec(obs_size=6, nvec=(3, 2), hiddens=(8, 8))


def test_fast_tanh_equals_tanh_with_its_gradient() -> None:
    x = torch.linspace(-12, 12, 2001, requires_grad=True)
    expected = torch.tanh(x)
    torch.testing.assert_close(Tanh()(x), expected, atol=3e-7, rtol=1e-6)
    (mine,) = torch.autograd.grad(Tanh()(x).sum(), x)
    (theirs,) = torch.autograd.grad(expected.sum(), x)
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_forward_is_logits_and_value_together(share: bool, normalize: bool) -> None:
    spec = PolicySpec(6, (3, 2), (8,), "relu", share, normalize)
    network = ActorCritic(spec)
    obs = torch.randn(5, 6)
    logits, values = network(obs)
    assert logits.shape == (5, 5)
    assert values.shape == (5,)
    torch.testing.assert_close(network.logits(obs), logits)
    torch.testing.assert_close(network.value(obs), values)
    assert (network.critic is None) == share


def test_a_seed_gives_the_same_weights_on_any_number_of_threads() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            wide = replace(SPEC, obs_size=158, hiddens=(64, 64))
            found.append(weights_hash({"policy": ActorCritic(wide)}))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(set(found)) == 1


def test_act_is_the_mode_without_exploring_and_obeys_the_mask() -> None:
    torch.manual_seed(0)  # the first row may be a sure one, by chance
    network = ActorCritic(SPEC)
    nn.init.normal_(network.policy_head.weight)
    obs = torch.randn(50, 6)
    mask = torch.ones(50, 5, dtype=torch.bool)
    mask[:, 0] = False
    greedy = network.act(obs, mask, explore=False)
    assert torch.equal(greedy, network.act(obs, mask, explore=False))
    assert (greedy[:, 0] != 0).all()
    generator = torch.Generator().manual_seed(0)
    sampled = torch.stack([network.act(obs, mask, True, generator) for _ in range(20)])
    assert (sampled[..., 0] != 0).all()
    assert len(sampled[:, 0].unique(dim=0)) > 1


def test_normalizer_merges_batches_into_the_moments_of_all_rows() -> None:
    rows = 5.0 + 3.0 * torch.randn(1000, 4, dtype=torch.float64)
    normalizer = ObsNormalizer(4)
    for part in rows.split([1, 499, 300, 200]):
        normalizer.update(len(part), part.mean(0).float(), part.var(0, unbiased=False).float())
    torch.testing.assert_close(normalizer.mean.double(), rows.mean(0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        normalizer.var.double(), rows.var(0, unbiased=False), atol=1e-4, rtol=1e-4
    )
    scaled = normalizer(rows.float())
    torch.testing.assert_close(scaled.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    assert normalizer(torch.full((1, 4), 1e9)).max() == 10.0
