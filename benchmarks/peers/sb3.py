"""Stable-Baselines3: a PPO instance per team, which share the worlds and run in a thread each.

What differs: no action masks (a choice that is not allowed counts as the no-op), no exclusion of
frozen rows (both teams learn from all of them), the value loss is not clipped, and advantages are
standardized per minibatch.

    python -m benchmarks.peers.sb3
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.peers.measuring import parser, report
from benchmarks.peers.worlds import MeetingPoint, Worlds
from benchmarks.workload import default_config
from trainer.config.ppo import PPOGroup


class TeamVecEnv(VecEnv):
    """One team's agents as the environments of a PPO."""

    def __init__(self, meeting: MeetingPoint, team: str) -> None:
        self.meeting, self.team = meeting, team
        spec = meeting.worlds.teams[team]
        observations = spaces.Box(-np.inf, np.inf, (spec.obs_size,), np.float32)
        super().__init__(meeting.worlds.rows(team), observations, spaces.MultiDiscrete(spec.nvec))
        self._infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]

    def reset(self) -> np.ndarray:
        return self.meeting.worlds.obs[self.team].copy()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        self.meeting.step(self.team, self._actions)
        worlds, team = self.meeting.worlds, self.team
        # Copies: the instance stores what it saw before only after this step.
        return worlds.obs[team].copy(), worlds.rewards[team], worlds.dones[team].copy(), self._infos

    def close(self) -> None: ...

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None: ...

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        return []

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> Sequence[bool]:
        return [False] * self.num_envs


def make_ppo(env: TeamVecEnv, ppo: PPOGroup) -> PPO:
    return PPO(
        "MlpPolicy",
        env,
        learning_rate=ppo.lr,
        n_steps=ppo.rollout_length,
        batch_size=ppo.minibatch_size,
        n_epochs=ppo.num_epochs,
        gamma=ppo.gamma,
        gae_lambda=ppo.lambda_,
        clip_range=ppo.clip_param,
        ent_coef=ppo.entropy_coeff,
        vf_coef=ppo.vf_loss_coeff,
        max_grad_norm=ppo.grad_clip,
        policy_kwargs={
            "net_arch": {"pi": list(ppo.hiddens), "vf": list(ppo.hiddens)},
            "activation_fn": torch.nn.Tanh,
            "optimizer_kwargs": {"eps": 1e-8},
        },
        seed=0,
        device="cpu",
    )


def main() -> None:
    args = parser(__doc__).parse_args()
    config = default_config()
    meeting = MeetingPoint(Worlds(config))
    learners = {
        team: make_ppo(TeamVecEnv(meeting, team), config.ppo) for team in meeting.worlds.teams
    }
    steps = {team: config.ppo.rollout_length * meeting.worlds.rows(team) for team in learners}

    def learn(team: str) -> None:
        torch.set_num_threads(1)  # a thread per team: each has a core, as in this project
        learners[team].learn(steps[team], reset_num_timesteps=False)

    def iterate() -> int:
        meeting.together(learn)
        return sum(steps.values())

    report(stable_baselines3.__version__, args.seconds, iterate)


if __name__ == "__main__":
    main()
