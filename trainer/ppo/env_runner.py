"""The batched EnvRunner: all worlds in one forward pass per policy and step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import ray
import torch
from gymnasium import spaces
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.metrics import (
    NUM_AGENT_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED,
    NUM_MODULE_STEPS_SAMPLED,
    WEIGHTS_SEQ_NO,
)

from envs.batch_env import BatchEnv, TeamSpec
from trainer.cluster.node import restarts_of_this_actor
from trainer.opponents.meetings import MEETINGS
from trainer.ppo.engines import make_actor
from trainer.ppo.episode_sampler import EpisodeSampler
from trainer.ppo.networks import ActorCritic, weights_hash
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.rollout_check import check_rollout
from trainer.ppo.rollout_player import RolloutPlayer
from trainer.ppo.runner_opponents import RunnerOpponents
from trainer.ppo.sample import Sample
from trainer.ppo.seeding import process_seed, seed_process


def policy_spaces(spec: TeamSpec) -> tuple[spaces.Space, spaces.Space]:
    """Observation and action space of one agent of a team."""
    box = spaces.Box(-np.inf, np.inf, (spec.obs_size,), np.float32)
    return box, spaces.MultiDiscrete(list(spec.nvec))


class BatchedEnvRunner(EnvRunner, Checkpointable):
    """Samples `rollout_fragment_length` steps of `num_envs_per_env_runner` worlds per call.

    `env_config["make_env"]` is a picklable function: number of worlds -> BatchEnv;
    `env_config["game"]` is the `GameSpec` of that game.

    The worlds, the random stream of the actions and the first observation of the next rollout
    belong to this runner alone: `get_training_state` / `set_training_state` carry them through a
    checkpoint, and RLlib's weight syncs (`set_state`) never touch them.

    Attributes:
        opponents: the earlier policies that play in some of the worlds.
        admitted: whether this process takes part: a restarted one first gets the weights.
        episodes: samples episodes of the worlds for session records.
    """

    admitted = False
    episodes: EpisodeSampler

    def __init__(self, *, config: Any, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self.worker_index: int = kwargs.get("worker_index") or 0
        entropy = self._entropy()
        seed_process(process_seed(entropy))
        self.teams: Sequence[TeamSpec] = self.config.env_config["game"].teams
        # Beside remote runners the local one only holds weights, so it needs no worlds.
        plays = self.worker_index > 0 or self.num_workers == 0
        if plays:
            make_env = self.config.env_config["make_env"]
            self.env: BatchEnv = make_env(self.config.num_envs_per_env_runner)
        self.steps = int(self.config.rollout_fragment_length)
        self.module: Any = None
        self.make_module()
        networks, specs = self._networks(), {spec.name: spec for spec in self.teams}
        with_opponents = plays and self.config.env_config["opponents"]
        self.opponents = RunnerOpponents(
            self.teams,
            {team: network.spec for team, network in networks.items()} if with_opponents else {},
            self.config.num_envs_per_env_runner,
        )
        self.actor = make_actor(
            self.config.env_config["engine"],
            networks,
            specs | {player: specs[team] for player, team in self.opponents.teams.items()},
            self.config.env_config["threads"]
            if self.num_workers == 0
            else max(1, int(self.config.num_cpus_per_env_runner)),
            self.opponents.networks,
        )
        self._weights_seq_no = 0
        self._random = np.random.default_rng(entropy)
        self._player: RolloutPlayer | None = None
        self._started = False
        self._env_parameters: dict[str, float] = {}
        self._logit_bias: dict[str, np.ndarray] = {}
        if plays:
            self.episodes = EpisodeSampler(self.env, self.opponents.earlier_at, self._policy_hashes)

    def _entropy(self) -> list[int]:
        """What the random stream is made from: one that no runner of this run has had before.

        A restarted process would repeat its own stream, and one that a resume adds that of a runner
        which the run had earlier.
        """
        settings = self.config.env_config
        first = [settings["seed"], self.worker_index]
        begun, restarts = settings["begun"], restarts_of_this_actor()
        return [*first, begun + 1, restarts] if begun or restarts else first

    # --- sampling ---------------------------------------------------------------------------------

    def sample(self, **kwargs: Any) -> Sample:
        """Plays `steps` steps in every world."""
        anew = not self._started
        player = self._begin()
        batch = player.batch
        self.episodes.begin(batch, self._env_parameters, anew=anew)
        episode_stats = player.play(
            self._random, self.opponents.seats, self._logit_bias, self._values
        )
        self._log(batch)
        check_rollout(self.env, batch, player.truncated, episode_stats)
        self.episodes.end(batch, episode_stats)
        meetings = self.opponents.settle(batch)
        return Sample(batch, episode_stats, meetings, self.episodes.take())

    @property
    def batch(self) -> RolloutBatch | None:
        """The arrays of the last rollout, which the next one overwrites; None before the first."""
        return None if self._player is None else self._player.batch

    def _values(self, team: str, seen: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._networks()[team].value(torch.from_numpy(seen)).numpy()

    def set_plan(
        self, env_parameters: dict[str, float], logit_bias: dict[str, tuple[float, ...]]
    ) -> None:
        """Sets the scheduled values from the next rollout on.

        Args:
            env_parameters: numbers of the game (see `BatchEnv.set_parameters`).
            logit_bias: by team, [L] added to the logits; of a team that is not in it, nothing is.
        """
        self.env.set_parameters(env_parameters)
        self._env_parameters = env_parameters
        self._logit_bias = {team: np.array(bias, np.float32) for team, bias in logit_bias.items()}

    def _begin(self) -> RolloutPlayer:
        """The player of the next rollout, whose first observation is there."""
        if self._player is None:
            states = [team for team, net in self._networks().items() if net.spec.state_size]
            self._player = RolloutPlayer(self.env, self.teams, self.steps, self.actor, states)
        batch = self._player.batch
        if not self._started:
            # From the runner's own stream: worlds that start fresh after a resume are new ones.
            seeds = self._random.integers(0, 2**64, self.env.num_envs, np.uint64)
            self.env.reset(seeds, batch.at(self.steps))
            self._started = True
        for team in batch.teams.values():
            team.carry_over()
        return self._player

    def _networks(self) -> dict[str, ActorCritic]:
        return {spec.name: self.module[spec.policy_id].net for spec in self.teams}

    def _policy_hashes(self) -> dict[str, str]:
        """The hash of each policy's weights."""
        networks = self._networks()
        policies = {spec.policy_id: networks[spec.name] for spec in self.teams}
        return {policy: weights_hash({policy: network}) for policy, network in policies.items()}

    def _log(self, batch: RolloutBatch) -> None:
        """The counters that RLlib's own machinery reads, under its names."""
        counts: dict[Any, int] = {NUM_ENV_STEPS_SAMPLED: batch.env_steps}
        for spec in self.teams:
            counts[NUM_MODULE_STEPS_SAMPLED, spec.policy_id] = batch.teams[spec.name].logp.size
            for agent in spec.agents:
                counts[NUM_AGENT_STEPS_SAMPLED, agent] = batch.env_steps
        for key, count in counts.items():
            self.metrics.log_value(key, count, reduce="sum")
            lifetime = (
                (f"{key[0]}_lifetime", key[1]) if isinstance(key, tuple) else f"{key}_lifetime"
            )
            self.metrics.log_value(lifetime, count, reduce="lifetime_sum")

    # --- what RLlib asks of a runner --------------------------------------------------------------

    def apply(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`func(self)`; an error in it is the caller's.

        RLlib's own keeps the error to itself and ends this process a minute later.
        """
        return func(self, *args, **kwargs)

    def make_module(self) -> None:
        spec = self.config.get_multi_rl_module_spec(spaces=self.get_spaces(), inference_only=False)
        self.module = spec.build()

    def get_spaces(self) -> dict[str, tuple[spaces.Space, spaces.Space]]:
        return {spec.policy_id: policy_spaces(spec) for spec in self.teams}

    def assert_healthy(self) -> None:
        assert self.module is not None

    def get_metrics(self) -> Any:
        return self.metrics.reduce()

    def stop(self) -> None:
        self._player = None

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        state: dict[str, Any] = {}
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(
                components=self._get_subcomponents(COMPONENT_RL_MODULE, components),
                not_components=self._get_subcomponents(COMPONENT_RL_MODULE, not_components),
                inference_only=False,
            )
            state[WEIGHTS_SEQ_NO] = self._weights_seq_no
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        if COMPONENT_RL_MODULE not in state:
            return
        weights = state[COMPONENT_RL_MODULE]
        if isinstance(weights, ray.ObjectRef):
            weights = ray.get(weights)
        self.module.set_state(weights)
        self._weights_seq_no = state.get(WEIGHTS_SEQ_NO, self._weights_seq_no)

    def get_ctor_args_and_kwargs(self) -> tuple[tuple, dict[str, Any]]:
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Checkpointable]]:
        return [(COMPONENT_RL_MODULE, self.module)]

    # --- exact resume -----------------------------------------------------------------------------

    def weights_hash(self) -> str:
        """The hash of every weight this runner acts with."""
        policies = list(self.module.keys())
        return weights_hash({policy: self.module[policy].net for policy in policies})

    def get_training_state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The state of an exact resume: arrays (none before the first rollout), plain values."""
        values = {
            "random": self._random.bit_generator.state,
            "started": self._started,
            "env_parameters": self._env_parameters,
        }
        if not self._started:
            return {}, values
        arrays = self.env.get_state()
        if not self.opponents.meetings.are_live:
            arrays[MEETINGS] = self.opponents.meetings.episodes.copy()
        return arrays, values

    def set_training_state(self, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Continues from `get_training_state`.

        Raises:
            ValueError: the worlds are of another number or shape.
        """
        if values["random"] is not None:
            self._random.bit_generator.state = values["random"]
        if not values["started"]:
            return
        saved = {len(array) for array in arrays.values() if array.ndim}
        if len(saved) == 1 and saved != {self.env.num_envs}:
            raise ValueError(f"{saved.pop()} worlds in the checkpoint, {self.env.num_envs} now")
        met = arrays.pop(MEETINGS, None)
        self.env.set_state(arrays)
        if met is not None:
            self.opponents.meetings.episodes = met
        self._player = None
        self._started = True
        batch = self._begin().batch
        # The last observation was made under the parameters that were in effect then.
        now = self.env.set_parameters(values.get("env_parameters", {}))
        self.env.observe(batch.at(self.steps))
        self.env.set_parameters(now)
