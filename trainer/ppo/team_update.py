"""One team's share of an update, and what has come of it; the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from trainer.config.ppo import TeamSettings
from trainer.errors import TrainingDiverged
from trainer.ppo.losses import Minibatch
from trainer.ppo.networks import ActorCritic
from trainer.ppo.rollout import TeamRollout
from trainer.schedules.scheduler import TeamPlan

STEP_SCALARS = ("loss", "policy_loss", "vf_loss", "entropy", "kl", "clip_fraction", "grad_norm")
"""What every gradient step reports."""


@dataclass(frozen=True)
class TeamUpdate:
    """What one team learns from in one update, and with what.

    Attributes:
        policy_id: its name in messages.
        network: the policy, changed in place.
        optimizer: its Adam, changed in place.
        settings: of the team; `plan` has the values of those that change.
        kl_coeff: the KL coefficient now.
        plan: the scheduled values.
        rollout: what was played.
        dones: [T, N] bool.
        reward_scale: factor on rewards.
        generator: of the shuffling.
    """

    policy_id: str
    network: ActorCritic
    optimizer: torch.optim.Optimizer
    settings: TeamSettings
    kl_coeff: float
    plan: TeamPlan
    rollout: TeamRollout
    dones: np.ndarray
    reward_scale: float
    generator: torch.Generator

    def shuffled(self, rows: int) -> Tensor:
        """The order of the rows in the next epoch."""
        return torch.randperm(rows, generator=self.generator)


@dataclass(frozen=True)
class Learned:
    """What one team's update has done.

    Attributes:
        rows: learned from.
        vf_explained_var: explained variance of the values before the update.
        steps: gradient steps; 0 where there was nothing to learn from.
        scalars: means of the `STEP_SCALARS` over the last epoch's minibatches.
        sample: some of the rows, to measure the new policy on.
        obs: gives the observations of all rows [rows, D].
        state: the same of the states [rows, S], where the value function reads them.
    """

    rows: int
    vf_explained_var: float
    steps: int
    scalars: dict[str, float]
    sample: Minibatch
    obs: Callable[[], Tensor]
    state: Callable[[], Tensor]


class Engine(Protocol):
    """Carries out the gradient steps of updates."""

    def train(self, updates: Sequence[TeamUpdate]) -> list[Learned | TrainingDiverged]:
        """Learns; an update ends with `TrainingDiverged` where a gradient is not finite.

        No update is still under way when this returns or raises.
        """


def num_minibatches(rows: int, minibatch_size: int) -> int:
    """Gradient steps per epoch; 0 without rows."""
    return min(max(1, round(rows / minibatch_size)), rows)


def gradient_not_finite(policy_id: str, loss: float) -> TrainingDiverged:
    return TrainingDiverged(
        f"{policy_id}: the gradient is not finite (loss {loss:.3g})", (policy_id,)
    )
