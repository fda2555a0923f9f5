"""Generalized advantage estimation against a plain double loop, and the identities it must obey."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.ppo.advantages import generalized_advantage_estimation, standardize

SHAPE = (7, 3, 2)  # T, N, A


def random_rollout(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    rewards = torch.from_numpy(rng.normal(size=SHAPE).astype(np.float32))
    values = torch.from_numpy(rng.normal(size=(SHAPE[0] + 1, *SHAPE[1:])).astype(np.float32))
    dones = torch.from_numpy(rng.random(SHAPE[:2]) < 0.25)
    return rewards, values, dones


def random_cuts(dones: torch.Tensor, seed: int) -> torch.Tensor:
    """Final values of the episodes among `dones` that are taken to be truncated, else 0."""
    rng = np.random.default_rng([seed, 1])
    truncated = dones.numpy() & (rng.random(SHAPE[:2]) < 0.5)
    values = rng.normal(size=SHAPE) * truncated[..., None]
    return torch.from_numpy(values.astype(np.float32))


def reference(
    rewards: torch.Tensor,
    values: torch.Tensor,
    dones: torch.Tensor,
    gamma: float,
    lambda_: float,
    final_values: torch.Tensor,
) -> np.ndarray:
    """Equation 16 of the paper summed term by term, per world and agent."""
    steps, worlds, agents = rewards.shape
    result = np.zeros(rewards.shape)
    for n in range(worlds):
        for a in range(agents):
            for t in range(steps):
                weight = 1.0
                for k in range(t, steps):
                    over = bool(dones[k, n])
                    then = final_values[k, n, a] if over else values[k + 1, n, a]
                    following = gamma * float(then)
                    result[t, n, a] += weight * (
                        float(rewards[k, n, a]) + following - float(values[k, n, a])
                    )
                    if over:
                        break
                    weight *= gamma * lambda_
    return result


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1))
def test_agrees_with_the_sum_of_equation_16(seed: int, gamma: float, lambda_: float) -> None:
    rewards, values, dones = random_rollout(seed)
    final = random_cuts(dones, seed)
    for given_final, cut in ((None, torch.zeros(SHAPE)), (final, final)):
        advantages, targets = generalized_advantage_estimation(
            rewards, values, dones, gamma, lambda_, given_final
        )
        expected = reference(rewards, values, dones, gamma, lambda_, cut)
        np.testing.assert_allclose(advantages.numpy(), expected, atol=1e-5)
        torch.testing.assert_close(targets, advantages + values[:-1])


def test_lambda_one_gives_discounted_returns_as_targets() -> None:
    rewards, values, dones = random_rollout(0)
    _, targets = generalized_advantage_estimation(rewards, values, dones, 0.9, 1.0)
    returns = values[-1].clone()
    for t in range(SHAPE[0] - 1, -1, -1):
        returns = rewards[t] + 0.9 * returns * (~dones[t]).float().unsqueeze(-1)
        torch.testing.assert_close(targets[t], returns)


def test_nothing_flows_back_over_the_end_of_an_episode() -> None:
    rewards, values, dones = random_rollout(1)
    dones[:] = False
    dones[3] = True
    before, _ = generalized_advantage_estimation(rewards, values, dones, 0.99, 0.95)
    rewards[4:] += 100.0
    values[4:] -= 50.0
    after, _ = generalized_advantage_estimation(rewards, values, dones, 0.99, 0.95)
    assert torch.equal(before[:4], after[:4])
    assert not torch.equal(before[4:], after[4:])


def test_wrong_shapes_are_refused() -> None:
    rewards, values, dones = random_rollout(2)
    with pytest.raises(ValueError, match=r"values \[T \+ 1, N, A\]"):
        generalized_advantage_estimation(rewards, values[:-1], dones, 0.99, 0.95)


def test_standardize_looks_only_at_the_masked_rows() -> None:
    advantages = torch.tensor([[1.0, 2.0], [3.0, 1000.0]])
    mask = torch.tensor([[True, True], [True, False]])
    scaled = standardize(advantages, mask)
    assert scaled[mask].mean() == pytest.approx(0.0, abs=1e-6)
    assert scaled[mask].std(unbiased=False) == pytest.approx(1.0, abs=1e-6)
