"""Object stores that cannot hold the rollouts of an iteration cost time, and no data."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.cluster import real_cluster
from tests.cluster.real_cluster import SAMPLER, RealCluster
from tests.ppo.wide_env import WideEnv
from trainer.cluster.ray_session import stop_ray
from trainer.ppo_trainer import Game, create_ppo_trainer

pytestmark = [
    pytest.mark.slow,
    # Ray Train's own, at the start of learners.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]

WORLDS, LENGTH, ITERATIONS = 64, 32, 5
AGENT_STEPS = 2 * WORLDS * LENGTH  # of one runner in one iteration
SMALL = 80 * 10**6  # a rollout has 65 MB, and Ray allows no less than 75


@pytest.fixture(scope="module")
def small() -> Iterator[RealCluster]:
    """A cluster whose nodes have room for one rollout."""
    with real_cluster.started(head_cpus=2, workers=2, object_stores=(SMALL, SMALL)) as cluster:
        yield cluster


def trained(learners: int, address: str | None = None) -> tuple[list[int], str, list[str]]:
    """Agent steps by iteration, the weights at the end, and what was told.

    Two runners, on a cluster or on a Ray of their own, which has room for everything.
    """
    told: list[str] = []
    ray = {"num_env_runners": 2, "custom_resources": {SAMPLER: 1}, "num_learners": learners}
    config = {
        "ppo": {"rollout_length": LENGTH, "minibatch_size": 1024, "hiddens": [8]},
        "train": {"engine": "torch"},
        "ray": {"address": address, "num_envs_per_env_runner": WORLDS, **ray},
    }
    trainer, _ = create_ppo_trainer(config, game=Game("wide", WideEnv), tell=told.append)
    try:
        steps = []
        for _ in range(ITERATIONS):
            trainer.train()
            assert trainer.last.missing_runners == ()
            steps.append(trainer.last.agent_steps)
        return steps, trainer.check_weights(), told
    finally:
        trainer.stop()
        stop_ray()


@pytest.mark.parametrize("learners", [0, 2])
def test_a_small_object_store_loses_no_rollout(small: RealCluster, learners: int) -> None:
    steps, weights, told = trained(learners, small.address)
    assert steps == [2 * AGENT_STEPS] * ITERATIONS
    assert trained(learners) == (steps, weights, [])
    if not learners:
        (line,) = told
        assert re.match(
            r"the object store of node \S+ has 76 MB, but the rollouts that it is to hold in an "
            r"iteration have 13\d MB, 6\d MB of each env runner: ",
            line,
        )
