"""A network that works on the live columns alone, against the network itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.ppo.live_network import LiveNetwork
from trainer.ppo.networks import ActorCritic, PolicySpec

LIVE = (1, 2, 5, 8)
ROWS, SIZE, NVEC = 40, 9, (3, 2)
SPECS = (
    PolicySpec(SIZE, NVEC, (16, 8)),
    PolicySpec(SIZE, NVEC, (16,), "relu"),
    PolicySpec(SIZE, NVEC, (16, 8), vf_share_layers=True, normalize_obs=True),
    PolicySpec(SIZE, NVEC, ()),
)


def network_of(spec: PolicySpec) -> ActorCritic:
    torch.manual_seed(0)
    network = ActorCritic(spec)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    if network.normalizer is not None:
        mean = torch.zeros(SIZE)
        mean[[0, 1]] = torch.tensor([0.5, -0.4])  # column 0 is dead, but was alive once
        network.normalizer.update(100.0, mean, torch.full((SIZE,), 0.7))
    return network


def observations() -> torch.Tensor:
    obs = torch.zeros(ROWS, SIZE)
    obs[:, LIVE] = torch.randn(ROWS, len(LIVE), generator=torch.Generator().manual_seed(1))
    return obs


@pytest.mark.parametrize("declared", [LIVE, None])
@pytest.mark.parametrize("spec", SPECS)
def test_outputs_and_gradients_are_those_of_the_network(
    spec: PolicySpec, declared: tuple[int, ...] | None
) -> None:
    network, obs = network_of(spec), observations()
    live = LiveNetwork(network, declared)
    inputs = live.inputs(obs)
    expected, found = network(obs), live(inputs)
    weights = [torch.randn_like(part) for part in expected]

    def gradients(outputs: tuple[torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
        total = sum((o * w).sum() for o, w in zip(outputs, weights, strict=True))
        assert isinstance(total, torch.Tensor)
        return list(torch.autograd.grad(total, list(network.parameters())))

    for mine, theirs in zip([*found, live.value(inputs)], [*expected, expected[1]], strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)
    for mine, theirs in zip(gradients(found), gradients(expected), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_only_live_columns_are_read_and_those_that_were_alive_once() -> None:
    obs = observations()
    assert LiveNetwork(network_of(SPECS[0]), LIVE).inputs(obs).shape == (ROWS, len(LIVE))
    inputs = LiveNetwork(network_of(SPECS[2]), LIVE).inputs(obs)
    assert inputs.shape == (ROWS, len(LIVE) + 1)
    assert np.ptp(inputs[:, 0].numpy()) == 0.0
    assert inputs[0, 0] != 0.0


def test_the_logits_need_no_copy_to_be_worked_on_choice_by_choice() -> None:
    live = LiveNetwork(network_of(SPECS[0]), LIVE)
    logits, _ = live(live.inputs(observations()))
    assert logits.t().is_contiguous()
