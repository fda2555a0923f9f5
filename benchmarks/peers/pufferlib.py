"""PufferLib: a PuffeRL per team, which share the worlds and run in a thread each.

What differs: no action masks (a choice that is not allowed counts as the no-op), no exclusion of
frozen rows (both teams learn from all of them). A minibatch is whole rollouts of 32 agents, drawn
anew each time instead of epoch by epoch (prioritization is off), and advantages are computed again
before each minibatch. The value loss is PufferLib's clipped one.

    python -m benchmarks.peers.pufferlib
"""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from pufferlib import PufferEnv, pufferl
from pufferlib.pytorch import layer_init
from torch import Tensor, nn

from benchmarks.peers.measuring import parser, report
from benchmarks.peers.worlds import MeetingPoint, Worlds
from benchmarks.workload import default_config
from envs.batch_env import TeamSpec
from trainer.config.ppo import PPOGroup


class TeamEnv(PufferEnv):
    """One team's agents in all worlds."""

    def __init__(self, meeting: MeetingPoint, team: str) -> None:
        self.meeting, self.team = meeting, team
        spec = meeting.worlds.teams[team]
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (spec.obs_size,), np.float32)
        self.single_action_space = spaces.MultiDiscrete(spec.nvec, dtype=np.int32)
        self.num_agents = meeting.worlds.rows(team)
        super().__init__()

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, list[Any]]:
        self.observations[:] = self.meeting.worlds.obs[self.team]
        return self.observations, []

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        self.meeting.step(self.team, actions)
        worlds, team = self.meeting.worlds, self.team
        self.observations[:] = worlds.obs[team]
        self.rewards[:] = worlds.rewards[team]
        self.terminals[:] = worlds.dones[team]
        return self.observations, self.rewards, self.terminals, self.truncations, []

    def close(self) -> None: ...


class Policy(nn.Module):
    def __init__(self, spec: TeamSpec, ppo: PPOGroup) -> None:
        super().__init__()
        self.nvec = spec.nvec
        sizes = (spec.obs_size, *ppo.hiddens)
        self.actor, self.critic = _mlp(sizes, spec.num_logits, 0.01), _mlp(sizes, 1, 1.0)

    def forward(self, observations: Tensor, state: Any = None) -> tuple[Any, Tensor]:
        return self.actor(observations).split(self.nvec, dim=1), self.critic(observations)

    forward_eval = forward


def _mlp(sizes: tuple[int, ...], outputs: int, gain: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [layer_init(nn.Linear(fan_in, fan_out)), nn.Tanh()]
    return nn.Sequential(*layers, layer_init(nn.Linear(sizes[-1], outputs), std=gain))


def settings(ppo: PPOGroup) -> dict[str, Any]:
    """PufferLib's names for the settings; what has no counterpart here is switched off."""
    return {
        "seed": 0,
        "torch_deterministic": True,
        "cpu_offload": False,
        "device": "cpu",
        "precision": "float32",
        "compile": False,
        "use_rnn": False,
        "optimizer": "adam",
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_eps": 1e-8,
        "anneal_lr": False,
        "learning_rate": ppo.lr,
        "total_timesteps": 10**12,
        "batch_size": "auto",
        "bptt_horizon": ppo.rollout_length,
        "minibatch_size": ppo.minibatch_size,
        "max_minibatch_size": ppo.minibatch_size,
        "update_epochs": ppo.num_epochs,
        "gamma": ppo.gamma,
        "gae_lambda": ppo.lambda_,
        "clip_coef": ppo.clip_param,
        "vf_clip_coef": ppo.vf_clip_param,
        "vf_coef": 2 * ppo.vf_loss_coeff,  # its value loss has a factor 0.5 of its own
        "ent_coef": ppo.entropy_coeff,
        "max_grad_norm": ppo.grad_clip,
        "vtrace_rho_clip": 1.0,
        "vtrace_c_clip": 1.0,
        "prio_alpha": 0.0,
        "prio_beta0": 1.0,
        "checkpoint_interval": 10**9,
        "env": "hide_and_seek",
        "data_dir": "unused",
    }


def main() -> None:
    args = parser(__doc__).parse_args()
    warnings.simplefilter("ignore")
    # It takes the kernel for CUDA wherever a CUDA compiler is found.
    pufferl.ADVANTAGE_CUDA = False
    config = default_config()
    torch.manual_seed(0)
    meeting = MeetingPoint(Worlds(config))
    teams = meeting.worlds.teams
    screen = io.StringIO()  # it draws a dashboard

    def make(team: str) -> Any:
        policy = Policy(teams[team], config.ppo)
        return pufferl.PuffeRL(settings(config.ppo), TeamEnv(meeting, team), policy)

    with contextlib.redirect_stdout(screen):
        learners = {team: make(team) for team in teams}

    def learn(team: str) -> None:
        torch.set_num_threads(1)  # a thread per team: each has a core, as in this project
        learners[team].evaluate()
        learners[team].train()

    def iterate() -> int:
        with contextlib.redirect_stdout(screen):
            meeting.together(learn)
        return config.ppo.rollout_length * sum(map(meeting.worlds.rows, teams))

    report(version("pufferlib"), args.seconds, iterate)
    for learner in learners.values():
        learner.utilization.stop()


if __name__ == "__main__":
    main()
