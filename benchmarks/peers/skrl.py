"""skrl: a PPO agent and its trainer per team, which share the worlds and run in a thread each.

(skrl's own IPPO trains one team after the other.)

What differs: no action masks (a choice that is not allowed counts as the no-op), no exclusion of
frozen rows (both teams learn from all of them), and the value loss is not clipped.

    python -m benchmarks.peers.skrl
"""

from __future__ import annotations

from typing import Any

import numpy as np
import skrl
import torch
from gymnasium import spaces
from skrl.agents.torch.ppo import PPO
from skrl.envs.wrappers.torch import Wrapper
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model, MultiCategoricalMixin
from skrl.trainers.torch import SequentialTrainer
from torch import Tensor, nn

from benchmarks.peers.measuring import parser, report
from benchmarks.peers.worlds import MeetingPoint, Worlds
from benchmarks.workload import default_config
from envs.batch_env import TeamSpec
from trainer.config.ppo import PPOGroup


def mlp(spec: TeamSpec, ppo: PPOGroup, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    size = spec.obs_size
    for width in ppo.hiddens:
        layers += [nn.Linear(size, width), nn.Tanh()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, outputs))


class Policy(MultiCategoricalMixin, Model):
    def __init__(self, spec: TeamSpec, ppo: PPOGroup, **kwargs: Any) -> None:
        Model.__init__(self, **kwargs)
        MultiCategoricalMixin.__init__(self)
        self.net = mlp(spec, ppo, spec.num_logits)

    def compute(self, inputs: dict[str, Tensor], role: str = "") -> tuple[Tensor, dict[str, Any]]:
        return self.net(inputs["observations"]), {}


class Value(DeterministicMixin, Model):
    def __init__(self, spec: TeamSpec, ppo: PPOGroup, **kwargs: Any) -> None:
        Model.__init__(self, **kwargs)
        DeterministicMixin.__init__(self)
        self.net = mlp(spec, ppo, 1)

    def compute(self, inputs: dict[str, Tensor], role: str = "") -> tuple[Tensor, dict[str, Any]]:
        return self.net(inputs["observations"]), {}


class TeamEnv(Wrapper):
    """One team's agents as the environments of a PPO agent."""

    def __init__(self, meeting: MeetingPoint, team: str) -> None:
        super().__init__(meeting)
        self.meeting, self.team, self.spec = meeting, team, meeting.worlds.teams[team]

    num_envs = property(lambda self: self.meeting.worlds.rows(self.team))
    observation_space = property(
        lambda self: spaces.Box(-np.inf, np.inf, (self.spec.obs_size,), np.float32)
    )
    action_space = property(lambda self: spaces.MultiDiscrete(self.spec.nvec))

    def reset(self) -> tuple[Tensor, dict[str, Any]]:
        return self._now("obs"), {}

    def step(self, actions: Tensor) -> tuple[Any, ...]:
        self.meeting.step(self.team, actions.numpy())
        ended = self._now("dones").view(-1, 1)
        rewards = self._now("rewards").view(-1, 1)
        return self._now("obs"), rewards, ended, torch.zeros_like(ended), {}

    def _now(self, what: str) -> Tensor:
        # A copy: a transition is stored only after the worlds have moved on.
        return torch.from_numpy(getattr(self.meeting.worlds, what)[self.team].copy())

    def state(self) -> None: ...

    def render(self, *args: Any, **kwargs: Any) -> None: ...

    def close(self) -> None: ...


def make_trainer(env: TeamEnv, ppo: PPOGroup) -> SequentialTrainer:
    """One whose `train()` is one iteration."""
    places = {
        "observation_space": env.observation_space,
        "action_space": env.action_space,
        "device": "cpu",
    }
    models = {
        "policy": Policy(env.spec, ppo, **places),
        "value": Value(env.spec, ppo, **places),
    }
    agent = PPO(
        models=models,
        memory=RandomMemory(
            memory_size=ppo.rollout_length, num_envs=env.num_envs, device="cpu", replacement=False
        ),
        cfg={
            "rollouts": ppo.rollout_length,
            "learning_epochs": ppo.num_epochs,
            "mini_batches": round(env.num_envs * ppo.rollout_length / ppo.minibatch_size),
            "discount_factor": ppo.gamma,
            "gae_lambda": ppo.lambda_,
            "learning_rate": ppo.lr,
            "grad_norm_clip": ppo.grad_clip,
            "ratio_clip": ppo.clip_param,
            "value_clip": 0.0,
            "entropy_loss_scale": ppo.entropy_coeff,
            "value_loss_scale": ppo.vf_loss_coeff,
            "experiment": {"write_interval": 0, "checkpoint_interval": 0},
        },
        **places,
    )
    plan = {
        "timesteps": ppo.rollout_length,
        "headless": True,
        "disable_progressbar": True,
        "close_environment_at_exit": False,
    }
    return SequentialTrainer(env=env, agents=agent, cfg=plan)


def main() -> None:
    args = parser(__doc__).parse_args()
    config = default_config()
    torch.manual_seed(0)
    meeting = MeetingPoint(Worlds(config))
    trainers = {
        team: make_trainer(TeamEnv(meeting, team), config.ppo) for team in meeting.worlds.teams
    }

    def learn(team: str) -> None:
        torch.set_num_threads(1)  # a thread per team: each has a core, as in this project
        trainers[team].train()

    def iterate() -> int:
        meeting.together(learn)
        return config.ppo.rollout_length * sum(map(meeting.worlds.rows, trainers))

    report(skrl.__version__, args.seconds, iterate)


if __name__ == "__main__":
    main()
