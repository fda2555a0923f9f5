"""Adam without torch's compiler is torch's Adam."""

from __future__ import annotations

import torch

from trainer.ppo.optimizer import Adam


def test_it_steps_as_torchs_own_to_the_bit() -> None:
    start = torch.randn(50, generator=torch.Generator().manual_seed(0))
    parameters = [torch.nn.Parameter(start.clone()) for _ in range(2)]
    own = Adam(parameters[:1], lr=0.01, eps=1e-5, fused=True)
    stock = torch.optim.Adam(parameters[1:], lr=0.01, eps=1e-5, fused=True)
    for step in range(3):
        for parameter, optimizer in zip(parameters, (own, stock), strict=True):
            optimizer.zero_grad(set_to_none=True)
            (parameter.sin() * (step + 1)).sum().backward()
            optimizer.step()
    assert parameters[0].equal(parameters[1])
    assert not parameters[0].equal(start)
    saved, wanted = own.state_dict(), stock.state_dict()
    assert saved["param_groups"] == wanted["param_groups"]
    for name, value in wanted["state"][0].items():
        assert saved["state"][0][name].equal(value), name
    again = Adam(parameters[:1], lr=0.5, fused=True)
    again.load_state_dict(saved)
    assert again.state_dict()["param_groups"] == wanted["param_groups"]
