"""The algorithm: RLlib's PPO with batched sampling, own learning and a complete training state."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import ray
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_RL_MODULE
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.utils.actor_manager import FaultTolerantActorManager
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    LEARNER_RESULTS,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
)

from trainer.cluster.ray_failures import answers_of, check_ray, failures_of_learners
from trainer.cluster.ray_session import dead_daemon, without_object_store
from trainer.cluster.waits import Tell, bounded_wait, silent
from trainer.opponents.matchmaking import Matchmaker
from trainer.opponents.pool import Pool
from trainer.ppo import episode_sampler, exact_resume, opponent_play, remote_runners
from trainer.ppo.env_runner import BatchedEnvRunner
from trainer.ppo.exact_resume import RLlibState, Worlds
from trainer.ppo.learner import PLANS, TeamPPOLearner
from trainer.ppo.learner_group import learners_by_gloo
from trainer.ppo.networks import ActorCritic
from trainer.ppo.progress import IterationStats, Progress
from trainer.ppo.remote_rollouts import Learnable, StoredSample
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.sample import Sample
from trainer.ppo.single_action import single_action
from trainer.schedules.scheduler import Scheduler, StepsDone, TeamPlan

T = TypeVar("T")


class WeightsOutOfSync(RuntimeError):  # noqa: N818 - reads as the state it reports
    """A runner acts with other weights than the learner holds."""


class TeamPPO(PPO):
    """One policy per team, trained on whole rollouts.

    Attributes:
        last: what the last iteration sampled and learned; unset before the first one.
        progress: counters over the whole life of the run; each iteration advances them.
        schedules: where training stands in its schedules; each iteration advances them.
        opponents: by team, the earlier policies that the other team meets; empty where nobody does.
        matchmaker: draws which of them the runners play; None: they play none.
        ratings: by team, mean and deviation that its policy joins them with; who rates sets it.
        tell: gets a line for each minute that the training waits for another process.
        restore_notes: what a restore or warm start reports, a line each; empty for a new run.
    """

    last: IterationStats
    progress: Progress
    schedules: Scheduler
    opponents: dict[str, Pool]
    matchmaker: Matchmaker | None
    ratings: dict[str, tuple[float, float]]
    restore_notes: Sequence[str] = ()
    tell: Tell = staticmethod(silent)

    def setup(self, config: Any) -> None:
        with self._object_store(), learners_by_gloo():
            super().setup(config)
        remote_runners.admit(self, list(self.remote_runners.actors()))
        custom = self.config.learner_config_dict
        self.schedules = copy.deepcopy(custom["schedules"])
        stat_names = self.config.env_config["game"].stat_names
        self.progress = Progress(custom["window_episodes"], stat_names)
        self.opponents, self.ratings = opponent_play.make_pools(custom), {}
        self.matchmaker = opponent_play.make_matchmaker(self)

    def restore_from_path(self, path: Any, *args: Any, **kwargs: Any) -> None:
        """RLlib's own, which unpickles what it finds; `trainer/run/restore.py` does without."""
        with self._object_store():
            super().restore_from_path(path, *args, **kwargs)

    def _object_store(self) -> contextlib.AbstractContextManager[None]:
        """Ray's object store where there are actors to share it with, else none."""
        local = not self._is_remote and not ray.is_initialized()
        return without_object_store() if local else contextlib.nullcontext()

    def bounded(self, what: str) -> contextlib.AbstractContextManager[None]:
        """A bound for waits inside, where there are other processes to wait for."""
        return bounded_wait(what, self.tell) if self._is_remote else contextlib.nullcontext()

    def cleanup(self) -> None:
        """Stops all actors, unless Ray itself is dead."""
        if dead_daemon() is None:
            super().cleanup()

    def _setup_logdir(self) -> None:
        # Tune would make an empty folder in ~/ray_results for every algorithm built.
        self._logdir = None

    def training_step(self) -> None:
        """Samples, learns, hands out the new weights and counts the iteration."""
        # RLlib's own timers are smoothed over many iterations, so the seconds are taken here.
        started = time.perf_counter()
        opponent_play.prepare(self)
        settings, plans = self.schedules.values(), self._plans()
        self._send_plans(plans)
        episode_sampler.ask_for_episodes(self)
        samples, batch, undelivered = self._sample()
        sampled = time.perf_counter()
        self.metrics.aggregate(self.learn(batch, plans), key=LEARNER_RESULTS)
        learned = time.perf_counter()
        self.push_weights()
        self.schedules.advance({team: self._steps_done(team) for team in self.team_names})
        ended = opponent_play.count_games(self, samples.values())
        remote = range(1, self.config.num_env_runners + 1)
        self.last = IterationStats(
            episode_stats=ended.stats,
            live=ended.live,
            wins=self.matchmaker.wins() if self.matchmaker is not None else {},
            env_steps=sum(sample.env_steps for sample in samples.values()),
            agent_steps=sum(sample.agent_steps for sample in samples.values()),
            missing_runners=tuple(number for number in remote if number not in samples),
            undelivered=undelivered,
            learned=self.metrics.peek(LEARNER_RESULTS),
            settings=settings,
            episodes={n: sample.episode for n, sample in samples.items() if sample.episode},
            sample_s=sampled - started,
            learn_s=learned - sampled,
        )
        self.progress.advance(self.last)
        self.schedules.promote(lambda stage: self.progress.window.means(level=stage))

    def _plans(self) -> dict[str, TeamPlan]:
        return {team: self.schedules.team_plan(team) for team in self.team_names}

    def _send_plans(self, plans: Mapping[str, TeamPlan]) -> None:
        """Gives every runner, restarted ones too, the values and opponents of this iteration."""
        env_parameters = self.schedules.env_parameters()
        logit_bias = {team: plan.logit_bias for team, plan in plans.items() if plan.logit_bias}
        if env_parameters or logit_bias:
            self.foreach_runner(lambda runner: runner.set_plan(env_parameters, logit_bias))
        opponent_play.seat_runners(self, {team: plan.trains for team, plan in plans.items()})

    def _steps_done(self, team: str) -> StepsDone:
        learned = (LEARNER_RESULTS, f"{team}_policy")
        done = {name: self.metrics.peek((*learned, name)) for name in ("epochs", "updates")}
        return StepsDone(**{name: round(float(count)) for name, count in done.items()})

    def _sample(self) -> tuple[dict[int, Sample | StoredSample], Learnable, dict[int, str]]:
        """What the runners give: see `Sampled`."""
        sampled: Mapping[int, tuple[Sample | StoredSample, Any]]
        batch: Learnable
        undelivered: dict[int, str] = {}
        if self._is_remote:
            found = remote_runners.sample(self, lambda: self._send_plans(self._plans()))
            sampled, batch, undelivered = found
        else:  # the rollout is learned from as it is, without a copy
            sample = self.env_runner.sample()
            sampled, batch = {0: (sample, self.env_runner.get_metrics())}, sample.batch
        results = [metrics for _, metrics in sampled.values()]
        self.metrics.aggregate(results, key=ENV_RUNNER_RESULTS)
        return {number: sample for number, (sample, _) in sampled.items()}, batch, undelivered

    def learn(self, batch: Learnable, plans: Mapping[str, TeamPlan] | None = None) -> list[Any]:
        """Updates all teams from a rollout; the runners keep their weights until `push_weights`.

        Args:
            batch: what to learn from; shards that the remote learners have taken.
            plans: by team; None: those of the next iteration.

        Returns:
            RLlib's metrics of each learner.

        Raises:
            ProcessDied: a learner or Ray itself has died.
            TrainingDiverged: a weight, a gradient or an output is not finite.
        """
        lifetime = (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)
        timesteps = {
            PLANS: self._plans() if plans is None else plans,
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self.metrics.peek(lifetime, default=0),
        }
        local = isinstance(batch, RolloutBatch)
        data = TrainingData(batch=batch) if local else TrainingData(batches=batch)
        check_ray()
        with failures_of_learners(self.learner_group), self.bounded("the learners"):
            return self.learner_group.update(training_data=data, timesteps=timesteps)

    def push_weights(self) -> None:
        """Gives every runner the learner's weights and waits until it has them.

        RLlib's own sync drops requests when more than two are in flight per actor: a runner could
        keep its old weights unnoticed.
        """
        state = self.learner_group.get_state(
            components=f"{COMPONENT_LEARNER}/{COMPONENT_RL_MODULE}", inference_only=False
        )[COMPONENT_LEARNER]
        if self.env_runner is not None:
            self.env_runner.set_state(state)
        if self.config.num_env_runners:
            check_ray()
            reference = ray.put(state)
            remote_runners.ask(self, lambda runner: runner.set_state(ray.get(reference)))

    def check_weights(self) -> str:
        """The hash that the learners and every runner agree on.

        Raises:
            WeightsOutOfSync: they do not agree.
        """
        learner_hashes = self.foreach_learner(lambda learner: learner.weights_hash())
        hashes = {f"learner {i}": value for i, value in enumerate(learner_hashes)}
        runner_hashes = [self.env_runner.weights_hash()]
        if not self._samples_here:
            runner_hashes += self.foreach_runner(lambda runner: runner.weights_hash())
        hashes |= {f"runner {i}": value for i, value in enumerate(runner_hashes)}
        if len(set(hashes.values())) != 1:
            listed = ", ".join(f"{who} {value[:12]}" for who, value in hashes.items())
            raise WeightsOutOfSync(f"learners and runners hold different weights: {listed}")
        return next(iter(hashes.values()))

    def networks(self) -> dict[str, ActorCritic]:
        """The current networks by policy, in this process."""
        module = self.env_runner.module
        # A MultiRLModule is no mapping: it cannot be iterated over.
        return {policy_id: module[policy_id].net for policy_id in module.keys()}  # noqa: SIM118

    def compute_single_action(
        self,
        observation: np.ndarray,
        policy_id: str = "seeker_policy",
        explore: bool = False,
        action_mask: np.ndarray | None = None,
    ) -> np.ndarray:
        """One agent's action [H] for its observation [D].

        An observation does not show its team: without `policy_id`, the seekers' network answers,
        for a hider too. See `single_action`.
        """
        return single_action(self.networks(), observation, policy_id, explore, action_mask)

    def restore_state(self, state: RLlibState) -> None:
        """Takes over what RLlib has kept; `push_weights` must follow."""
        with self._object_store():
            self.foreach_learner(lambda learner: exact_resume.restore_learner(learner, state))
        self.metrics.set_state(state.metrics)
        self._iteration = state.iteration

    def get_training_state(self) -> tuple[Worlds, dict[str, Any]]:
        """World arrays by runner, and plain values: all that RLlib's checkpoint leaves out."""
        return exact_resume.training_state(self)

    def set_training_state(
        self, arrays: Mapping[str, Mapping[str, np.ndarray]], values: Mapping[str, Any]
    ) -> list[str]:
        """Continues from `get_training_state`; returns a line per thing not carried over."""
        return exact_resume.set_training_state(self, arrays, values)

    @property
    def team_names(self) -> tuple[str, ...]:
        return tuple(self.config.learner_config_dict["teams"])

    @property
    def learner(self) -> TeamPPOLearner:
        """The learner in this process; there is one where `ray.num_learners` is 0."""
        return self.learner_group._learner

    @property
    def remote_runners(self) -> FaultTolerantActorManager:
        """The env runners in other processes."""
        return self.env_runner_group._worker_manager

    @property
    def _samples_here(self) -> bool:
        return bool(self.config.num_env_runners == 0)

    @property
    def _is_remote(self) -> bool:
        return bool(self.config.num_env_runners or self.config.num_learners)

    def foreach_learner(self, function: Any) -> list[Any]:
        """What `function(learner)` returns on every learner, local or remote."""
        results = self.learner_group.foreach_learner(function)
        return answers_of(results, max(self.config.num_learners, 1))

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """RLlib's own: gives the weights to runners that are back; from then on they take part."""
        restored = list(super().restore_env_runners(env_runner_group))
        remote_runners.admit(self, restored)
        return restored

    def foreach_runner(self, function: Callable[[BatchedEnvRunner], T]) -> list[T]:
        """What `function(runner)` returns on every runner that samples."""
        if self._samples_here:
            return [function(self.env_runner)]
        return list(remote_runners.ask(self, function).values())
