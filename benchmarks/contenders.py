"""The three ways to train that are compared, each run in a process of its own.

    python -m benchmarks.contenders ours
    python -m benchmarks.contenders stock --runners 2 --envs 16
    python -m benchmarks.contenders floor

Each prints one JSON line: {"agent_steps": ..., "seconds": ...}.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import trainer.cluster.environment  # noqa: F401 - first: Ray reads it at import
from benchmarks.workload import Measurement, default_config


def policy_of(agent: str, *args: Any, **kwargs: Any) -> str:
    """seeker_0 -> seeker_policy."""
    return f"{agent.rpartition('_')[0]}_policy"


def ours(iterations: int) -> Measurement:
    """This trainer at its default configuration."""
    from trainer.ppo_trainer import create_ppo_trainer

    trainer, _ = create_ppo_trainer(default_config())
    trainer.train()
    started = time.perf_counter()
    steps = 0
    for _ in range(iterations):
        trainer.train()
        steps += trainer.last.agent_steps
    return Measurement(steps, time.perf_counter() - started)


def stock(iterations: int, runners: int, envs: int) -> Measurement:
    """RLlib's own PPO, MultiAgentEnvRunner and learner on the MultiAgentEnv face.

    Networks, batch, minibatch, epochs and PPO settings are ours; where ours have no counterpart
    (masks, exclusion of frozen steps) stock RLlib simply learns from every step.
    """
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    from envs.adapters.rllib import HideAndSeekMultiAgentEnv
    from trainer.cluster.ray_session import start_ray, stop_ray
    from trainer.config.run_groups import RayGroup

    config = default_config()
    ppo = config.ppo
    env_steps = ppo.rollout_length * config.ray.num_envs
    start_ray(RayGroup(num_env_runners=max(1, runners)))
    algorithm = (
        PPOConfig()
        .environment(
            HideAndSeekMultiAgentEnv, env_config=config.env.model_dump(), disable_env_checking=True
        )
        .env_runners(num_env_runners=runners, num_envs_per_env_runner=envs)
        .multi_agent(policies={"seeker_policy", "hider_policy"}, policy_mapping_fn=policy_of)
        .training(
            train_batch_size_per_learner=env_steps,
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
    algorithm.train()
    started = time.perf_counter()
    steps = 0
    for _ in range(iterations):
        result = algorithm.train()
        steps += sum(result["env_runners"]["num_agent_steps_sampled"].values())
    measured = Measurement(int(steps), time.perf_counter() - started)
    algorithm.stop()
    stop_ray()
    return measured


def floor(iterations: int) -> Measurement:
    """Bare torch: the forward passes of sampling and the update steps, no game, no framework.

    The rows learned from are as many as in the game (the seekers' frozen steps are left out), and
    each team has its thread, as ours do.
    """
    import torch

    from trainer.ppo.losses import Minibatch, PPOCoefficients, ppo_loss
    from trainer.ppo.networks import ActorCritic, PolicySpec

    config = default_config()
    ppo, env = config.ppo, config.env.resolved()
    assert env.prep_steps is not None
    assert env.episode_steps is not None
    torch.set_num_threads(1)
    nvec, obs_size = (3, 3, 5, 2, 3), 158
    worlds, steps = config.ray.num_envs, ppo.rollout_length
    total = worlds * steps
    share = {"seeker": 1 - env.prep_steps / env.episode_steps, "hider": 1.0}
    networks = {name: ActorCritic(PolicySpec(obs_size, nvec, ppo.hiddens)) for name in share}
    data = {}
    for name, part in share.items():
        rows = int(total * part)
        mask = torch.ones(rows, sum(nvec), dtype=torch.bool)
        mask[:, 12] = mask[:, 14] = mask[:, 15] = False
        logits = torch.randn(rows, sum(nvec))
        data[name] = Minibatch(
            torch.randn(rows, obs_size),
            mask,
            torch.zeros(rows, len(nvec), dtype=torch.int64),
            logits,
            torch.randn(rows),
            torch.randn(rows),
            torch.randn(rows),
        )
    first_obs = torch.randn(worlds, obs_size)
    all_obs = torch.randn(steps + 1, worlds, obs_size)
    coefficients = PPOCoefficients(
        ppo.clip_param, ppo.vf_clip_param, ppo.vf_loss_coeff, ppo.entropy_coeff, 0.0
    )

    def update(name: str) -> None:
        network, rows = networks[name], data[name]
        optimizer = torch.optim.Adam(network.parameters(), lr=ppo.lr, fused=True)
        with torch.no_grad():
            for obs in all_obs:
                network.value(obs)
        count = rows.obs.shape[0]
        for _ in range(ppo.num_epochs):
            order = torch.randperm(count)
            for index in order.chunk(max(1, round(count / ppo.minibatch_size))):
                batch = rows.select(index)
                optimizer.zero_grad(set_to_none=True)
                logits, values = network(batch.obs)
                loss, _ = ppo_loss(logits, values, batch, nvec, coefficients)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), ppo.grad_clip)
                optimizer.step()

    pool = ThreadPoolExecutor(len(share), initializer=torch.set_num_threads, initargs=(1,))

    def iteration() -> None:
        with torch.inference_mode():
            for _ in range(steps):
                for network in networks.values():
                    network.logits(first_obs)
        list(pool.map(update, share))

    iteration()
    started = time.perf_counter()
    for _ in range(iterations):
        iteration()
    return Measurement(iterations * 2 * total, time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=("ours", "stock", "floor"))
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--runners", type=int, default=0)
    parser.add_argument("--envs", type=int, default=64)
    args = parser.parse_args()
    if args.contender == "stock":
        measured = stock(args.iterations, args.runners, args.envs)
    else:
        measured = {"ours": ours, "floor": floor}[args.contender](args.iterations)
    print(json.dumps(asdict(measured)), flush=True)


if __name__ == "__main__":
    main()
