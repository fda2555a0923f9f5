"""RLlib's own PPO, MultiAgentEnvRunner and learner on the MultiAgentEnv face.

Networks, batch, minibatch, epochs and PPO settings are ours; where ours have no counterpart
(masks, exclusion of frozen steps) stock RLlib simply learns from every step.
"""

from __future__ import annotations

from typing import Any

import trainer.cluster.environment  # noqa: F401 - first: Ray reads it at import
from benchmarks.workload import Measurement, timed
from trainer.config.schema import Config


def policy_of(agent: str, *args: Any, **kwargs: Any) -> str:
    """seeker_0 -> seeker_policy."""
    return f"{agent.rpartition('_')[0]}_policy"


def stock(config: Config, seconds: float, runners: int, envs: int) -> Measurement:
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    from envs.adapters.rllib import HideAndSeekMultiAgentEnv
    from trainer.cluster.ray_session import start_ray, stop_ray
    from trainer.config.run_groups import RayGroup

    ppo = config.ppo
    start_ray(RayGroup(num_env_runners=max(1, runners)))
    algorithm = (
        PPOConfig()
        .environment(
            HideAndSeekMultiAgentEnv, env_config=config.env.model_dump(), disable_env_checking=True
        )
        .env_runners(num_env_runners=runners, num_envs_per_env_runner=envs)
        .multi_agent(policies={"seeker_policy", "hider_policy"}, policy_mapping_fn=policy_of)
        .training(
            train_batch_size_per_learner=ppo.rollout_length * config.ray.num_envs,
            minibatch_size=ppo.minibatch_size,
            num_epochs=ppo.num_epochs,
            lr=ppo.lr,
            gamma=ppo.gamma,
            lambda_=ppo.lambda_,
            clip_param=ppo.clip_param,
            vf_clip_param=ppo.vf_clip_param,
            vf_loss_coeff=ppo.vf_loss_coeff,
            entropy_coeff=ppo.entropy_coeff,
            grad_clip=ppo.grad_clip,
            use_kl_loss=ppo.kl_coeff > 0,
        )
        .rl_module(
            model_config=DefaultModelConfig(
                fcnet_hiddens=list(ppo.hiddens),
                fcnet_activation=ppo.activation,
                vf_share_layers=ppo.vf_share_layers,
            )
        )
        .debugging(log_level="ERROR")
        .build_algo()
    )

    def iteration() -> int:
        result = algorithm.train()
        return int(sum(result["env_runners"]["num_agent_steps_sampled"].values()))

    measured = timed(iteration, seconds)
    algorithm.stop()
    stop_ray()
    return measured
