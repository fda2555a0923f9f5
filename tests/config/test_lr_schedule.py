"""`ppo.lr_schedule_*` is what torch's schedulers do, step for step."""

from __future__ import annotations

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, StepLR

from tests.schedules.runs import (
    EPOCHS,
    MINIBATCHES,
)
from trainer.config.schema import Config
from trainer.schedules.active import ActiveSchedule, Span, TrainingStep


@pytest.mark.parametrize("unit", ["epoch", "update", "iteration"])
@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("linear", {}),
        ("linear", {"final_lr_fraction": 0.0}),
        ("linear", {"final_lr_fraction": 1.0}),
        ("cosine", {"eta_min_fraction": 0.05}),
        ("exponential", {"gamma": 0.9}),
        ("step", {"step_size": 7, "gamma": 0.3}),
    ],
)
def test_learning_rates_are_those_of_torch_step_for_step(
    kind: str, kwargs: dict[str, float], unit: str
) -> None:
    iterations, lr = 6, 3e-4
    settings = {"lr": lr, "lr_schedule_type": kind, "lr_schedule_kwargs": kwargs}
    config = Config.from_dict({"ppo": settings | {"lr_schedule_step_on": unit}})
    active = ActiveSchedule(config.configured_schedules["hider/lr"], Span(iterations))

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=lr)
    per_iteration = {"iteration": 1, "epoch": EPOCHS, "update": EPOCHS * MINIBATCHES}[unit]
    total = iterations * per_iteration
    low = kwargs.get("final_lr_fraction", 0.1)
    theirs = {
        "linear": lambda: LambdaLR(optimizer, lambda step: max(low, 1.0 - step / total)),
        "cosine": lambda: CosineAnnealingLR(optimizer, total, eta_min=lr * 0.05),
        "exponential": lambda: ExponentialLR(optimizer, gamma=0.9),
        "step": lambda: StepLR(optimizer, step_size=7, gamma=0.3),
    }[kind]()

    for iteration in range(iterations):
        for update in range(EPOCHS * MINIBATCHES):
            step = TrainingStep(
                iteration,
                epoch=update // MINIBATCHES,
                epochs=EPOCHS,
                update=update,
                updates=EPOCHS * MINIBATCHES,
                past_epochs=iteration * EPOCHS,
                past_updates=iteration * EPOCHS * MINIBATCHES,
            )
            expected = optimizer.param_groups[0]["lr"]
            assert active.value(step) == pytest.approx(expected, rel=1e-12, abs=1e-18)
            optimizer.step()
            ends = {
                "update": True,
                "epoch": (update + 1) % MINIBATCHES == 0,
                "iteration": update + 1 == EPOCHS * MINIBATCHES,
            }[unit]
            if ends:
                theirs.step()
