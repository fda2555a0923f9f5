"""The plan on paper agrees with what can be reckoned by hand."""

from dataclasses import replace

import pytest

from benchmarks.scaling import Costs, Plan, rate, simulate

COSTS = Costs(
    sample_s=[1.0],
    learn_s=2.0,
    step_s=0.5,
    gradient_steps=4,
    message_s=0.02,
    rollout_bytes=100.0,
    weights_bytes=10.0,
    copy_s=0.001,
    agent_steps=1000,
)


def test_one_runner_and_one_learner_work_one_after_the_other() -> None:
    found = simulate(COSTS, Plan(1, 1, bandwidth=100.0))
    assert found.sampling == pytest.approx(0.01 + 1.0 + 0.1 + 0.01)  # call, rollout, store, answer
    assert found.gathering == pytest.approx(100 / 100 + 0.02)
    assert found.learning == 2.0
    assert found.weights == pytest.approx(10 / 100)
    assert rate(COSTS, Plan(1, 1, 100.0)) == pytest.approx(1000 / found.seconds)


def test_runners_sample_side_by_side_until_messages_take_longer_than_a_rollout() -> None:
    few, many = (simulate(COSTS, Plan(n, 1, 1e9)).sampling for n in (4, 1000))
    assert few < 1.25
    assert many == pytest.approx(1000 * 0.02, rel=0.15)


def test_the_slowest_runner_holds_up_the_others() -> None:
    uneven = replace(COSTS, sample_s=[1.0, 1.0, 3.0])
    assert simulate(uneven, Plan(3, 1, 1e9)).sampling > 3.0


def test_learners_share_rollouts_and_links_and_pay_for_common_gradients() -> None:
    one, four = (simulate(COSTS, Plan(8, n, 100.0)) for n in (1, 4))
    assert four.gathering == pytest.approx(one.gathering / 4, rel=0.05)
    assert four.learning == pytest.approx(one.learning / 4 + 4 * 0.5 * 3)


def test_a_faster_learner_and_longer_rollouts() -> None:
    assert simulate(COSTS, Plan(8, 1, 1e9, learner_speed=10)).learning == pytest.approx(1.6)
    longer = COSTS.longer(4)
    assert (longer.sample_s, longer.learn_s, longer.agent_steps) == ([4.0], 8.0, 4000)
    assert rate(longer, Plan(256, 1, 1e9)) > rate(COSTS, Plan(256, 1, 1e9))
