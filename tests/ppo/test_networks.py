"""Networks: the fast tanh, normalization, and what a policy on disk must be."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from trainer.ppo.networks import (
    ActorCritic,
    PolicyFileError,
    PolicySpec,
    Tanh,
    load_policy,
    save_policy,
)
from trainer.ppo.normalization import ObsNormalizer
from trainer.ppo.weights import weights_hash

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


def test_a_policy_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    network = ActorCritic(PolicySpec(6, (3, 2), (8, 4), "tanh", False, True))
    assert network.normalizer is not None
    network.normalizer.update(10.0, torch.randn(6), torch.rand(6))
    save_policy(network, tmp_path / "p")
    loaded = load_policy(tmp_path / "p")
    assert loaded.spec == network.spec
    obs = torch.randn(4, 6)
    assert torch.equal(loaded(obs)[0], network(obs)[0])
    assert not any(p.suffix in (".pkl", ".pt") for p in (tmp_path / "p").iterdir())


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hiddens": [8, 9]}, r"has the shape \(\d+, \d+\)|is unknown|is missing"),
        ({"activation": "gelu"}, "unknown activation 'gelu'"),
        ({"activation": ["tanh"]}, "unknown activation"),
        ({"nvec": None}, "nvec is None, not a list"),
        ({"nvec": []}, "nvec is empty"),
        ({"hiddens": [16_384] * 60}, "is missing|is unknown|has the shape"),
        ({"hiddens": [10**9]}, r"hiddens = 1000000000, not a whole number from 1 to 16384"),
        ({"hiddens": [True]}, "hiddens = True, not a whole number"),
        ({"hiddens": [1] * 65}, "hiddens has 65 entries, more than 64"),
        ({"vf_share_layers": "no"}, "vf_share_layers = no, neither true nor false"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    save_policy(ActorCritic(SPEC), tmp_path)
    spec = json.loads((tmp_path / "spec.json").read_text()) | change
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(PolicyFileError, match=message):
        load_policy(tmp_path)


def test_missing_and_broken_weights_are_named(tmp_path: Path) -> None:
    save_policy(ActorCritic(SPEC), tmp_path)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(PolicyFileError, match="not a readable policy"):
        load_policy(tmp_path)
    weights.unlink()
    with pytest.raises(PolicyFileError, match=r"weights\.safetensors|no such file"):
        load_policy(tmp_path)


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
