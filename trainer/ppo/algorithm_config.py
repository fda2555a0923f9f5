"""RLlib's configuration for ours: spaces, networks, runners, learners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from envs.batch_env import BatchEnv, GameSpec, TeamSpec
from trainer.config.build_scheduler import build_scheduler
from trainer.config.device import device_of
from trainer.config.engine import engine_of
from trainer.config.ppo import NETWORK_SETTINGS
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.env_runner import BatchedEnvRunner, policy_spaces
from trainer.ppo.learner import TeamPPOLearner
from trainer.ppo.networks import PolicySpec
from trainer.ppo.rl_module import INIT_SEED, TeamRLModule

_IN_MODEL_CONFIG = [f.name for f in fields(PolicySpec) if f.name not in ("obs_size", "nvec")]
_PING_S = 5.0
EnvMaker = Callable[[int], BatchEnv]
"""Number of worlds -> BatchEnv; picklable."""


def network_specs(config: Config, teams: Sequence[TeamSpec]) -> dict[str, PolicySpec]:
    """The network of every policy, without building any.

    Raises:
        ConfigError: a network is too large to be read back from a checkpoint, or its value function
            is to read a state that the game does not offer.
    """
    specs = {}
    for team in teams:
        settings = _network_settings(config, team)
        values = {"obs_size": team.obs_size, "nvec": list(team.nvec), **settings}
        try:
            specs[team.policy_id] = PolicySpec.from_dict(values)
        except ValueError as error:
            raise ConfigError(f"team {team.name!r} has too large a network: {error}") from None
    return specs


def _network_settings(config: Config, team: TeamSpec) -> dict[str, Any]:
    """The fields of a `PolicySpec` that the configuration decides on, as plain values."""
    settings = config.ppo.team(team.name).model_dump(mode="json", include={*NETWORK_SETTINGS})
    reads_state = settings.pop("critic") == "state"
    if reads_state and not team.state_size:
        raise ConfigError(
            f"ppo.critic = state, but the game {config.played.label!r} offers no state (the "
            f"state_size of the team {team.name!r} is 0); set ppo.critic to obs"
        )
    return {**settings, "state_size": team.state_size if reads_state else 0}


def algorithm_config(
    config: Config, make_env: EnvMaker, until: int | None, game: GameSpec, begun: int = 0
) -> PPOConfig:
    """RLlib's configuration for ours.

    Args:
        config: the resolved configuration.
        make_env: the game to play.
        until: the iteration that is trained up to, where the schedules end; None: as configured.
        game: what `make_env` makes.
        begun: iterations that the run has done already; new runners draw streams of their own.
    """
    teams, engine = game.teams, engine_of(config)
    settings = {spec.name: config.ppo.team(spec.name) for spec in teams}
    policies = {agent: spec.policy_id for spec in teams for agent in spec.agents}
    networks, modules = network_specs(config, teams), {}
    for number, spec in enumerate(teams):
        observation_space, action_space = policy_spaces(spec)
        modules[spec.policy_id] = RLModuleSpec(
            module_class=TeamRLModule,
            observation_space=observation_space,
            action_space=action_space,
            model_config={
                **{name: getattr(networks[spec.policy_id], name) for name in _IN_MODEL_CONFIG},
                INIT_SEED: config.train.seed * len(teams) + number,
            },
        )
    return (
        PPOConfig(algo_class=TeamPPO)
        .api_stack(enable_rl_module_and_learner=True, enable_env_runner_and_connector_v2=True)
        .framework("torch")
        .environment(
            env=None,
            env_config={
                "make_env": make_env,
                "game": game,
                "engine": engine,
                "threads": config.train.threads,
                "seed": config.train.seed,
                "begun": begun,
                "opponents": config.opponents.share > 0,
                "session_every": config.tracking.sessions.every,
            },
        )
        .env_runners(
            env_runner_cls=BatchedEnvRunner,
            num_env_runners=config.ray.num_env_runners,
            num_envs_per_env_runner=config.ray.num_envs_per_env_runner,
            num_cpus_per_env_runner=config.ray.num_cpus_per_env_runner,
            custom_resources_per_env_runner=dict(config.ray.custom_resources),
            rollout_fragment_length=config.ppo.rollout_length,
            create_local_env_runner=True,
            sample_timeout_s=None,
        )
        .learners(
            num_learners=config.ray.num_learners,
            num_gpus_per_learner=config.ray.num_gpus_per_learner,
            learner_class=TeamPPOLearner,
            # The learner reads whole rollouts; building RLlib's connectors of episodes would cost a
            # quarter of the start.
            add_default_connectors_to_learner_pipeline=False,
            learner_config_dict={
                "teams": settings,
                "schedules": build_scheduler(config, until),
                "window_episodes": config.tracking.window_episodes,
                "reward_scale": config.ppo.reward_scale,
                "engine": engine,
                "device": device_of(config),
                "seed": config.train.seed,
                "opponents": config.opponents,
                "keeps_opponents": config.keeps_opponents,
                "specs": {spec.name: spec for spec in teams},
                "torch_threads": config.train.torch_threads
                if config.ray.num_learners
                else config.train.threads,
            },
        )
        .training(
            train_batch_size_per_learner=config.ppo.rollout_length
            * config.ray.num_envs
            // max(1, config.ray.num_learners),
            use_kl_loss=False,
        )
        .multi_agent(
            policies=set(policies.values()),
            policy_mapping_fn=partial(_policy_of, policies),
        )
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs=modules))
        .fault_tolerance(
            restart_failed_env_runners=True,
            # A ping comes back at once, or the runner is tried again an iteration later.
            env_runner_health_probe_timeout_s=_PING_S,
        )
        .reporting(min_time_s_per_iteration=None, min_sample_timesteps_per_iteration=0)
        .debugging(log_level="ERROR")  # the seed is ours to set, see `seeding`
        .experimental(_validate_config=False)
    )


def _policy_of(policies: Mapping[str, str], agent_id: str, *args: Any, **kwargs: Any) -> str:
    return policies[agent_id]
