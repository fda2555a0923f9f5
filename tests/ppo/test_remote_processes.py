"""What RLlib is told of processes elsewhere, and what they make of it; none is started."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray.rllib.core.learner import learner_group

from envs.batch_env import GameSpec
from tests.ppo.one_step_env import OneStepEnv
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.ppo import env_runner as env_runner_module
from trainer.ppo.algorithm_config import algorithm_config
from trainer.ppo.env_runner import BatchedEnvRunner, policy_spaces
from trainer.ppo.learner import TeamPPOLearner
from trainer.ppo.learner_group import learners_by_gloo
from trainer.ppo.seeding import process_seed

WORLD = OneStepEnv(1)
GAME = GameSpec(WORLD.teams, WORLD.stat_names)


def blueprint(begun: int = 0, **ray: Any) -> Any:
    small = {"rollout_length": 8, "minibatch_size": 8}
    config = Config.from_dict({"ppo": small, "ray": {"num_envs_per_env_runner": 8, **ray}})
    return algorithm_config(config, OneStepEnv, None, GAME, begun)


def test_rllib_is_told_what_each_process_takes_up() -> None:
    asked = blueprint(
        num_env_runners=2,
        num_learners=2,
        num_cpus_per_env_runner=2,
        custom_resources={"sampler": 1},
        num_gpus_per_learner=0.5,
    )
    assert (asked.num_cpus_per_env_runner, asked.num_gpus_per_env_runner) == (2, 0)
    assert asked.custom_resources_per_env_runner == {"sampler": 1}
    assert (asked.num_learners, asked.num_gpus_per_learner) == (2, 0.5)
    custom = asked.learner_config_dict
    assert (custom["device"], custom["engine"]) == ("cuda", "torch")


def test_without_gpus_learners_are_as_they_were() -> None:
    asked = blueprint(num_learners=1)
    assert asked.num_gpus_per_learner == 0
    assert (asked.learner_config_dict["device"], asked.learner_config_dict["engine"]) == (
        "cpu",
        "fused",
    )


def test_a_learner_whose_machine_has_no_cuda_says_so() -> None:
    asked = blueprint(num_learners=1, num_gpus_per_learner=1)
    spaces = {team.policy_id: policy_spaces(team) for team in WORLD.teams}
    modules = asked.get_multi_rl_module_spec(spaces=spaces)
    learner = TeamPPOLearner(config=asked, module_spec=modules)
    with pytest.raises(ConfigError, match=r"ray.num_gpus_per_learner = 1, but on .* no CUDA"):
        learner.build()


def test_learners_find_each_other_by_gloo_and_give_up_in_minutes() -> None:
    stock = learner_group._get_backend_config
    with learners_by_gloo():
        chosen = learner_group._get_backend_config(TeamPPOLearner)
    assert (chosen.backend, chosen.timeout_s) == ("gloo", 300)
    assert learner_group._get_backend_config is stock


def draws(monkeypatch: pytest.MonkeyPatch, *, begun: int, restarts: int, number: int = 1) -> float:
    """The first number that such a runner draws."""
    monkeypatch.setattr(env_runner_module, "restarts_of_this_actor", lambda: restarts)
    asked = blueprint(begun, num_env_runners=2)
    runner = BatchedEnvRunner(config=asked, worker_index=number, num_workers=2)
    return float(runner._random.random())


def test_no_two_lives_of_runners_draw_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = [(0, 0), (0, 1), (0, 2), (1, 0), (10, 0), (10, 1), (1, 10)]
    drawn = {
        draws(monkeypatch, begun=begun, restarts=restarts, number=number)
        for begun, restarts in lives
        for number in (1, 2)
    }
    assert len(drawn) == 2 * len(lives)
    # The first life is what it always was: runs repeat.
    assert draws(monkeypatch, begun=0, restarts=0) == np.random.default_rng([0, 1]).random()


def test_a_process_of_another_life_is_seeded_anew() -> None:
    assert process_seed([5, 2]) == 7
    seeds = {process_seed(entropy) for entropy in ([5, 2], [5, 2, 1, 1], [5, 2, 1, 2])}
    assert len(seeds) == 3


def test_a_runner_plays_with_the_cores_that_it_takes_up() -> None:
    for cores, threads in ((0, 1), (0.5, 1), (1, 1), (3, 3)):
        asked = blueprint(num_env_runners=1, num_cpus_per_env_runner=cores)
        runner = BatchedEnvRunner(config=asked, worker_index=1, num_workers=1)
        assert runner.actor.threads == threads
