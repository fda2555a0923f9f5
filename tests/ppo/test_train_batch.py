"""The rows that a policy learns from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.batch_env import TeamSpec
from trainer.ppo.live_network import LiveNetwork
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.rollout import TeamRollout
from trainer.ppo.train_batch import train_batch

STEPS, WORLDS, AGENTS = 3, 2, 2


@pytest.fixture
def rollout() -> TeamRollout:
    """Every observation is its own number, every reward 1; all agents are valid."""
    team = TeamSpec("seeker", ("a", "b"), 1, (2,))
    made = TeamRollout.allocate(team, STEPS, WORLDS)
    made.obs[:] = np.arange(made.obs.size).reshape(made.obs.shape)
    made.valid[:] = True
    made.action_mask[:] = True
    made.rewards[:] = 1.0
    return made


def network() -> LiveNetwork:
    made = ActorCritic(PolicySpec(obs_size=1, nvec=(2,), hiddens=(4,)))
    torch.nn.init.zeros_(made.value_head.weight)
    torch.nn.init.zeros_(made.value_head.bias)
    return LiveNetwork(made, None)


def test_targets_are_the_scaled_discounted_rewards_where_all_values_are_zero(
    rollout: TeamRollout,
) -> None:
    dones = torch.zeros(STEPS, WORLDS, dtype=torch.bool)
    rows, index, _ = train_batch(
        network(), rollout, dones, gamma=0.5, lambda_=1.0, reward_scale=2.0
    )
    targets = rows.value_targets.reshape(STEPS, WORLDS * AGENTS)
    assert targets[:, 0].tolist() == [3.5, 3.0, 2.0]
    assert (targets == targets[:, :1]).all()
    assert rows.obs[:, 0].tolist() == index.tolist() == list(range(STEPS * WORLDS * AGENTS))


def test_the_rows_of_frozen_agents_are_left_out(rollout: TeamRollout) -> None:
    rollout.valid[0, 1] = rollout.valid[2, 0, 1] = False
    dones = torch.zeros(STEPS, WORLDS, dtype=torch.bool)
    rows, index, _ = train_batch(
        network(), rollout, dones, gamma=0.5, lambda_=1.0, reward_scale=1.0
    )
    assert rows.obs[:, 0].tolist() == index.tolist() == [0, 1, 4, 5, 6, 7, 8, 10, 11]
    assert rows.advantages.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert len(rows.logp) == len(rows.value_targets) == 9
