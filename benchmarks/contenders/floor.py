"""Bare torch: the forward passes of sampling and the update steps, no game, no framework.

The rows learned from are as many as in the game, and each team has its thread, as ours do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import trainer.cluster.environment  # noqa: F401 - first: torch reads it at import
from benchmarks.workload import Measurement, learned_shares, timed
from envs.batch_env import TeamSpec
from trainer.config.schema import Config


def floor(config: Config, seconds: float) -> Measurement:
    import torch

    torch.set_num_threads(1)
    ppo, shares = config.ppo, learned_shares(config)
    teams = [_Team(spec, config, shares[spec.name]) for spec in config.played.spec.teams]
    pool = ThreadPoolExecutor(len(teams), initializer=torch.set_num_threads, initargs=(1,))

    def iteration() -> int:
        with torch.inference_mode():
            for _ in range(ppo.rollout_length):
                for team in teams:
                    team.network.logits(team.first_obs)
        list(pool.map(_Team.update, teams))
        return sum(team.agent_steps for team in teams)

    return timed(iteration, seconds)


class _Team:
    """A team's network and random rows of the game's shapes."""

    def __init__(self, spec: TeamSpec, config: Config, learned_share: float) -> None:
        import torch

        from trainer.ppo.losses import Minibatch, PPOCoefficients
        from trainer.ppo.networks import ActorCritic, PolicySpec

        self.ppo = ppo = config.ppo
        self.nvec = spec.nvec
        self.network = ActorCritic(PolicySpec(spec.obs_size, spec.nvec, ppo.hiddens))
        agents = config.ray.num_envs * spec.num_agents
        self.agent_steps = agents * ppo.rollout_length
        rows = int(self.agent_steps * learned_share)
        self.rows = Minibatch(
            obs=torch.randn(rows, spec.obs_size),
            action_mask=torch.ones(rows, spec.num_logits, dtype=torch.bool),
            actions=torch.zeros(rows, len(spec.nvec), dtype=torch.int64),
            logits=torch.randn(rows, spec.num_logits),
            logp=torch.randn(rows),
            advantages=torch.randn(rows),
            value_targets=torch.randn(rows),
        )
        self.first_obs = torch.randn(agents, spec.obs_size)
        self.all_obs = torch.randn(ppo.rollout_length + 1, agents, spec.obs_size)
        self.coefficients = PPOCoefficients(
            ppo.clip_param, ppo.vf_clip_param, ppo.vf_loss_coeff, ppo.entropy_coeff, 0.0
        )

    def update(self) -> None:
        import torch

        from trainer.ppo.losses import ppo_loss

        network, rows = self.network, self.rows
        optimizer = torch.optim.Adam(network.parameters(), lr=self.ppo.lr, fused=True)
        with torch.no_grad():
            for obs in self.all_obs:
                network.value(obs)
        count = rows.obs.shape[0]
        for _ in range(self.ppo.num_epochs):
            order = torch.randperm(count)
            for index in order.chunk(max(1, round(count / self.ppo.minibatch_size))):
                batch = rows.select(index)
                optimizer.zero_grad(set_to_none=True)
                logits, values = network(batch.obs)
                loss, _ = ppo_loss(logits, values, batch, self.nvec, self.coefficients)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), self.ppo.grad_clip)
                optimizer.step()
