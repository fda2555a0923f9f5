"""A network that works on the live columns alone, against the network itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.ppo.live_network import LiveNetwork
from trainer.ppo.networks import ActorCritic, PolicySpec

LIVE = (1, 2, 5, 8)
LIVE_STATE = (0, 3, 11)
ROWS, SIZE, STATE_SIZE, NVEC = 40, 9, 12, (3, 2)
SPECS = (
    PolicySpec(SIZE, NVEC, (16, 8)),
    PolicySpec(SIZE, NVEC, (16,), "relu"),
    PolicySpec(SIZE, NVEC, (16, 8), vf_share_layers=True, normalize_obs=True),
    PolicySpec(SIZE, NVEC, ()),
    PolicySpec(SIZE, NVEC, (16, 8), state_size=STATE_SIZE),
    PolicySpec(SIZE, NVEC, (16,), "relu", normalize_obs=True, state_size=STATE_SIZE),
    PolicySpec(SIZE, NVEC, (), state_size=STATE_SIZE),
)


def network_of(spec: PolicySpec) -> ActorCritic:
    torch.manual_seed(0)
    network = ActorCritic(spec)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    for normalizer in filter(None, (network.normalizer, network.state_normalizer)):
        size = len(normalizer.mean)
        mean = torch.zeros(size)
        # Of the observation column 0 is dead, but was alive once; of the state, column 1.
        mean[[0, 1]] = torch.tensor([0.5, -0.4])
        normalizer.update(100.0, mean, torch.full((size,), 0.7))
    return network


def observations() -> torch.Tensor:
    return rows_of(SIZE, LIVE)


def rows_of(size: int, live: tuple[int, ...]) -> torch.Tensor:
    rows = torch.zeros(ROWS, size)
    rows[:, live] = torch.randn(ROWS, len(live), generator=torch.Generator().manual_seed(size))
    return rows


@pytest.mark.parametrize("declared", [(LIVE, LIVE_STATE), (None, None)])
@pytest.mark.parametrize("spec", SPECS)
def test_outputs_and_gradients_are_those_of_the_network(
    spec: PolicySpec, declared: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
) -> None:
    network, obs = network_of(spec), observations()
    live = LiveNetwork(network, *declared)
    state = rows_of(STATE_SIZE, LIVE_STATE) if spec.state_size else None
    inputs, state_inputs = live.inputs(obs), None if state is None else live.state_inputs(state)
    expected, found = network(obs, state), live(inputs, state_inputs)
    value = live.value(inputs if state_inputs is None else state_inputs)
    weights = [torch.randn_like(part) for part in expected]

    def gradients(outputs: tuple[torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
        total = sum((o * w).sum() for o, w in zip(outputs, weights, strict=True))
        assert isinstance(total, torch.Tensor)
        return list(torch.autograd.grad(total, list(network.parameters())))

    for mine, theirs in zip([*found, value], [*expected, expected[1]], strict=True):
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


def test_of_the_state_too() -> None:
    live = LiveNetwork(network_of(SPECS[4]), LIVE, LIVE_STATE)
    state = rows_of(STATE_SIZE, LIVE_STATE)
    assert live.state_inputs(state).shape == (ROWS, len(LIVE_STATE))
    once_alive = LiveNetwork(network_of(SPECS[5]), LIVE, LIVE_STATE).state_inputs(state)
    assert once_alive.shape == (ROWS, len(LIVE_STATE) + 1)


def test_the_logits_need_no_copy_to_be_worked_on_choice_by_choice() -> None:
    live = LiveNetwork(network_of(SPECS[0]), LIVE)
    logits, _ = live(live.inputs(observations()))
    assert logits.t().is_contiguous()
