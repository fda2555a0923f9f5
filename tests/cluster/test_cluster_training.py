"""Training on a real Ray cluster of three nodes, which come and go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import ray

from tests.cluster.real_cluster import SAMPLER, RealCluster
from tests.ppo.one_step_env import OneStepEnv
from trainer.cluster.addresses import Address, check_answers
from trainer.cluster.ray_failures import failures_of_learners
from trainer.cluster.ray_session import start_ray, stop_ray
from trainer.cluster.resources import ClusterTooSmall, StoppedWaiting, wait_for_room
from trainer.config.run_groups import RayGroup
from trainer.errors import ProcessDied
from trainer.ppo import remote_runners
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.env_runner import BatchedEnvRunner
from trainer.ppo.remote_rollouts import Learnable, StoredSample
from trainer.ppo_trainer import Game, create_ppo_trainer

# Ray Train's own, at the start of learners.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")

STEPS = 8 * 8  # of one runner in one iteration
MOST_S = 120.0


@contextlib.contextmanager
def trained_on(cluster: RealCluster, **asked: Any) -> Iterator[TeamPPO]:
    """A trainer of the smallest game on the cluster, which is left running."""
    config = {
        "ppo": {"rollout_length": 8, "minibatch_size": 32},
        "train": {"engine": "torch"},
        "ray": {"address": cluster.address, "num_envs_per_env_runner": 8, **asked},
    }
    trainer, _ = create_ppo_trainer(config, game=Game("numbers", OneStepEnv))
    try:
        yield trainer
    finally:
        trainer.stop()
        stop_ray()
    assert not ray.is_initialized()
    assert cluster.all_live
    check_answers(Address(cluster.address, "ray.address"))


def train_until(trainer: TeamPPO, missing: tuple[int, ...]) -> None:
    """Trains until exactly these runners are missing."""
    until = time.monotonic() + MOST_S
    while trainer.last.missing_runners != missing:
        assert time.monotonic() < until, trainer.last.missing_runners
        trainer.train()


def train_often(trainer: TeamPPO) -> None:
    for _ in range(100):
        trainer.train()


def node_id(actor: Any) -> str:
    return str(ray.get_runtime_context().get_node_id())


def entropy(runner: BatchedEnvRunner) -> list[int]:
    """What the random stream of a runner was made from."""
    seeds: Any = runner._random.bit_generator.seed_seq
    return list(seeds.entropy)


def test_a_lost_node_costs_its_share_of_the_data_until_another_takes_its_place(
    cluster: RealCluster,
) -> None:
    asked = {"num_env_runners": 2, "custom_resources": {SAMPLER: 1}}
    with trained_on(cluster, **asked) as trainer:
        trainer.train()
        assert trainer.last.env_steps == 2 * STEPS
        places = trainer.foreach_runner(node_id)
        assert sorted(places) == sorted(cluster.workers)  # one runner on each
        assert trainer.foreach_runner(entropy) == [[0, 1], [0, 2]]
        cluster.kill(places[1])
        train_until(trainer, missing=(2,))  # its processes outlive it for a moment
        assert trainer.last.env_steps == STEPS
        added = cluster.add()
        train_until(trainer, missing=())
        assert trainer.last.env_steps == 2 * STEPS
        assert trainer.foreach_runner(node_id) == [places[0], added]
        assert trainer.foreach_runner(entropy) == [[0, 1], [0, 2, 1, 1]]
        trainer.check_weights()


def test_a_rollout_that_is_lost_on_the_way_costs_its_share(
    cluster: RealCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"num_env_runners": 2, "custom_resources": {SAMPLER: 1}}
    hand_out = remote_runners.hand_out
    with trained_on(cluster, **asked) as trainer:
        trainer.train()
        places = trainer.foreach_runner(node_id)

        def lose_second(trainer: TeamPPO, samples: Sequence[StoredSample]) -> Learnable:
            monkeypatch.undo()
            assert [sample.runner for sample in samples] == [1, 2]
            cluster.kill(places[1])
            return hand_out(trainer, samples)

        monkeypatch.setattr(remote_runners, "hand_out", lose_second)
        trainer.train()
        assert trainer.last.missing_runners == (2,)
        assert trainer.last.env_steps == STEPS


@pytest.mark.slow
def test_runners_and_learners_are_spread_over_the_nodes(cluster: RealCluster) -> None:
    with trained_on(cluster, num_env_runners=2, num_learners=2) as trainer:
        for _ in range(2):
            trainer.train()
        assert trainer.last.env_steps == 2 * STEPS
        places = [*trainer.foreach_runner(node_id), *trainer.foreach_learner(node_id)]
        assert len(set(places)) >= 2  # four cores: no node has as many
        trainer.check_weights()


@pytest.mark.slow
def test_a_lost_learner_ends_the_training_with_its_name(cluster: RealCluster) -> None:
    with trained_on(cluster, num_learners=2) as trainer:
        trainer.train()
        places = trainer.foreach_learner(node_id)
        lost = next(number for number, place in enumerate(places) if place in cluster.workers)
        cluster.kill(places[lost])
        named = r"^learner [12] of 2( \(process \d+\))? died"
        with pytest.raises(ProcessDied, match=named), failures_of_learners(trainer.learner_group):
            train_often(trainer)  # its processes outlive it for a moment


@pytest.mark.slow
def test_a_runner_that_came_back_unnoticed_gets_the_weights_first(cluster: RealCluster) -> None:
    with trained_on(cluster, num_env_runners=2) as trainer:
        trainer.train()
        actor = trainer.remote_runners.actors()[1]
        ray.kill(actor, no_restart=False)
        until = time.monotonic() + MOST_S
        while time.monotonic() < until:  # nobody asks it before it lives again
            with contextlib.suppress(ray.exceptions.RayActorError):
                ray.get(actor.ping.remote(), timeout=MOST_S)
                break
        trainer.train()
        assert trainer.last.missing_runners == (1,)
        train_until(trainer, missing=())
        assert trainer.foreach_runner(entropy)[0] == [0, 1, 1, 1]
        trainer.check_weights()


@pytest.fixture
def joined(cluster: RealCluster) -> Iterator[None]:
    start_ray(RayGroup(address=cluster.address), OneStepEnv)
    yield
    stop_ray()


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"num_env_runners": 50, "num_learners": 2},
            r"^the run asks for ray.num_env_runners = 50 \(1 CPU each\) and ray.num_learners = 2 "
            r"\(1 CPU each\), but the cluster has \d of 5 CPU free on 3 nodes, after \d s; lower",
        ),
        (
            {"num_env_runners": 1, "num_cpus_per_env_runner": 4},
            r"of 5 CPU free .* no node has 4 CPU for one process",
        ),
        (
            {"num_env_runners": 3, "custom_resources": {SAMPLER: 1}},
            r"3 \(1 CPU and 1 sampler each\), but the cluster has .* 2 sampler free",
        ),
        (
            {"num_env_runners": 1, "custom_resources": {"smapler": 1}},
            r"0 of 0 smapler free on 3 nodes \(no node offers smapler\), after",
        ),
        (
            {"num_learners": 1, "num_gpus_per_learner": 0.5},
            r"ray.num_learners = 1 \(0.5 GPU each\), but the cluster has 0 of 0 GPU free .* "
            r"\(no node offers GPU\), .* "
            r"set ray.num_gpus_per_learner to 0, or add a node with a GPU",
        ),
    ],
)
def test_a_cluster_without_room_says_what_is_asked_and_what_is_there(
    asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClusterTooSmall, match=said):
        wait_for_room(RayGroup(**asked), patience_s=0.5)


@pytest.mark.usefixtures("joined")
def test_the_wait_for_room_is_told_of_and_ended_by_a_stop() -> None:
    told: list[str] = []
    with pytest.raises(StoppedWaiting):
        wait_for_room(RayGroup(num_env_runners=50), told.append, stopped=lambda: bool(told))
    assert len(told) == 1
    assert told[0].startswith("the run asks for ray.num_env_runners = 50 (1 CPU each), but the")
    assert told[0].endswith("; giving up after 10 minutes more ...")
