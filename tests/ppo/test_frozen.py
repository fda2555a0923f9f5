"""Policies as they were: what is kept of a network acts like it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.ppo.frozen import acting_shapes, empty_network, frozen_network, member_of, set_acting
from trainer.ppo.networks import ActorCritic, PolicySpec

SPECS = [
    PolicySpec(6, (3, 2), (8, 8)),
    PolicySpec(6, (3, 2), (8,), "relu", vf_share_layers=True, normalize_obs=True),
    PolicySpec(6, (3, 2), (8,), normalize_obs=True, state_size=4),
]


@pytest.mark.parametrize("spec", SPECS)
def test_a_member_acts_as_the_policy_did(spec: PolicySpec) -> None:
    network = ActorCritic(spec)
    if network.normalizer is not None:
        network.normalizer.update(100.0, torch.randn(6), torch.rand(6))
    obs = torch.randn(20, 6)
    before = network.logits(obs)
    member = member_of(network, 7, (20.0, 2.0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)  # the policy goes on learning
    assert torch.equal(frozen_network(spec, member.weights).logits(obs), before)
    assert (member.iteration, member.mu, member.sigma) == (7, 20.0, 2.0)
    assert {name: array.shape for name, array in member.weights.items()} == acting_shapes(spec)
    assert list(member.weights) == list(acting_shapes(spec))
    assert all(array.dtype == np.float32 for array in member.weights.values())
    assert not [name for name in member.weights if "critic" in name or "value" in name]


@pytest.mark.parametrize("spec", SPECS)
def test_a_frozen_network_draws_no_random_number(spec: PolicySpec) -> None:
    member = member_of(ActorCritic(spec), 0)
    before = torch.get_rng_state()
    frozen_network(spec, member.weights)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_network_are_refused() -> None:
    member = member_of(ActorCritic(SPECS[0]), 0)
    with pytest.raises(ValueError, match="another network"):
        set_acting(empty_network(SPECS[1]), member.weights)
