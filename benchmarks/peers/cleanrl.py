"""A loop in the style of CleanRL: PPO in one file of plain torch.

What differs: nothing in what is computed. Masks, the frozen rows left out, losses and clipping are
this project's. The networks run as torch runs them, with its own tanh; the teams learn in a thread
each.

    python -m benchmarks.peers.cleanrl
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from benchmarks.peers.measuring import parser, report
from benchmarks.peers.worlds import MeetingPoint, Worlds
from benchmarks.workload import default_config
from envs.batch_env import TeamSpec
from trainer.config.ppo import PPOGroup


def layer(fan_in: int, fan_out: int, gain: float = 2.0**0.5) -> nn.Linear:
    made = nn.Linear(fan_in, fan_out)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


def mlp(sizes: tuple[int, ...], outputs: int, gain: float) -> nn.Sequential:
    hidden: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        hidden += [layer(fan_in, fan_out), nn.Tanh()]
    return nn.Sequential(*hidden, layer(sizes[-1], outputs, gain))


class Agent(nn.Module):
    """The networks of one team."""

    def __init__(self, spec: TeamSpec, ppo: PPOGroup) -> None:
        super().__init__()
        self.nvec = spec.nvec
        sizes = (spec.obs_size, *ppo.hiddens)
        self.actor = mlp(sizes, spec.num_logits, 0.01)
        self.critic = mlp(sizes, 1, 1.0)

    def get_value(self, obs: Tensor) -> Tensor:
        return self.critic(obs).squeeze(-1)

    def get_action(
        self, obs: Tensor, mask: Tensor, action: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Actions [B, H], their log-probability [B] and the entropy [B]."""
        logits = self.actor(obs).masked_fill(~mask, -1e9)
        heads = [Categorical(logits=head) for head in logits.split(self.nvec, -1)]
        if action is None:
            action = torch.stack([head.sample() for head in heads], -1)
        chosen = zip(heads, action.unbind(-1), strict=True)
        logp = torch.stack([head.log_prob(a) for head, a in chosen]).sum(0)
        return action, logp, torch.stack([head.entropy() for head in heads]).sum(0)


def advantages_of(
    rewards: Tensor, values: Tensor, dones: Tensor, ppo: PPOGroup
) -> tuple[Tensor, Tensor]:
    """Advantages and value targets [T, R]; `values` has a last row [T + 1, R] to bootstrap from."""
    advantages = torch.zeros_like(rewards)
    last = torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        alive = 1.0 - dones[t]
        delta = rewards[t] + ppo.gamma * values[t + 1] * alive - values[t]
        last = advantages[t] = delta + ppo.gamma * ppo.lambda_ * alive * last
    return advantages, advantages + values[:-1]


def loss_of(agent: Agent, batch: dict[str, Tensor], ppo: PPOGroup) -> Tensor:
    _, logp, entropy = agent.get_action(batch["obs"], batch["masks"], batch["actions"])
    ratio = (logp - batch["logp"]).exp()
    clipped = ratio.clamp(1 - ppo.clip_param, 1 + ppo.clip_param)
    pg_loss = -torch.min(batch["advantages"] * ratio, batch["advantages"] * clipped).mean()
    error = agent.get_value(batch["obs"]) - batch["targets"]
    v_loss = error.square().clamp(max=ppo.vf_clip_param).mean()
    return pg_loss + ppo.vf_loss_coeff * v_loss - ppo.entropy_coeff * entropy.mean()


class Learner:
    """One team: networks, optimizer and the storage of a rollout, [T, R, ...] each."""

    def __init__(self, spec: TeamSpec, rows: int, ppo: PPOGroup) -> None:
        self.ppo, shape = ppo, (ppo.rollout_length, rows)
        self.agent = Agent(spec, ppo)
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=ppo.lr)
        self.data: dict[str, Tensor] = {
            "obs": torch.zeros(*shape, spec.obs_size),
            "masks": torch.zeros(*shape, spec.num_logits, dtype=torch.bool),
            "valid": torch.zeros(shape, dtype=torch.bool),
            "actions": torch.zeros(*shape, len(spec.nvec), dtype=torch.int64),
            "logp": torch.zeros(shape),
            "rewards": torch.zeros(shape),
            "dones": torch.zeros(shape),
            "values": torch.zeros(ppo.rollout_length + 1, rows),
        }

    @torch.no_grad()
    def act(self, t: int, **seen: np.ndarray) -> np.ndarray:
        """Stores what is seen at step t and decides."""
        for name, array in seen.items():
            self.data[name][t] = torch.from_numpy(array)
        obs, mask = self.data["obs"][t], self.data["masks"][t]
        self.data["values"][t] = self.agent.get_value(obs)
        self.data["actions"][t], self.data["logp"][t], _ = self.agent.get_action(obs, mask)
        return self.data["actions"][t].numpy()

    def update(self, last_obs: np.ndarray) -> None:
        ppo, data = self.ppo, self.data
        with torch.no_grad():
            data["values"][-1] = self.agent.get_value(torch.from_numpy(last_obs))
            advantages, targets = advantages_of(data["rewards"], data["values"], data["dones"], ppo)
            kept = advantages[data["valid"]]
            advantages = (advantages - kept.mean()) / kept.std(correction=0).clamp_min(1e-4)
        rows = {name: data[name].flatten(0, 1) for name in ("obs", "masks", "actions", "logp")}
        rows |= {"advantages": advantages.flatten(), "targets": targets.flatten()}
        learned = data["valid"].flatten().nonzero().squeeze(-1)
        for _ in range(ppo.num_epochs):
            order = learned[torch.randperm(len(learned))]
            for index in order.tensor_split(max(1, round(len(order) / ppo.minibatch_size))):
                self.optimizer.zero_grad()
                batch = {name: column[index] for name, column in rows.items()}
                loss_of(self.agent, batch, ppo).backward()
                nn.utils.clip_grad_norm_(self.agent.parameters(), ppo.grad_clip)
                self.optimizer.step()


def main() -> None:
    args = parser(__doc__).parse_args()
    config = default_config()
    ppo = config.ppo
    torch.manual_seed(0)
    torch.set_num_threads(1)  # of sampling: two that wait for each other suffer from other work
    Categorical.set_default_validate_args(False)  # as the other peers do
    worlds = Worlds(config)
    meeting = MeetingPoint(worlds)
    learners = {team: Learner(spec, worlds.rows(team), ppo) for team, spec in worlds.teams.items()}

    def learn(team: str) -> None:
        torch.set_num_threads(1)  # a thread per team: each has a core, as in this project
        learners[team].update(worlds.obs[team])

    def iterate() -> int:
        for t in range(ppo.rollout_length):
            actions = {
                team: learner.act(
                    t, obs=worlds.obs[team], masks=worlds.masks[team], valid=worlds.valid[team]
                )
                for team, learner in learners.items()
            }
            worlds.step(actions)
            for team, learner in learners.items():
                learner.data["rewards"][t] = torch.from_numpy(worlds.rewards[team])
                learner.data["dones"][t] = torch.from_numpy(worlds.dones[team])
        meeting.together(learn)
        return ppo.rollout_length * sum(map(worlds.rows, learners))

    report(torch.__version__, args.seconds, iterate)


if __name__ == "__main__":
    main()
