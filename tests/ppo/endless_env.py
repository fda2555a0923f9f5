"""A game without an end that is cut after two steps: a point each step, and nothing to decide."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec

STEPS = 2


class EndlessEnv(BatchEnv):
    """One agent that always sees the same; with `terminal` the cut is called an end."""

    truncates = True
    stat_names = ("length", "seeker_return")

    def __init__(self, num_envs: int, *, terminal: bool = False) -> None:
        self.num_envs, self.terminal = num_envs, terminal
        self.teams = (TeamSpec("seeker", ("seeker_0",), 1, (2,)),)
        self.episode_stats = np.full((num_envs, 2), STEPS, np.float32)
        self.final_obs = {"seeker": np.ones((num_envs, 1, 1), np.float32)}
        self.steps = np.zeros(num_envs, np.int64)

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        self.steps[:] = seeds % STEPS  # the worlds do not end in step
        self.observe(out)

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        self.steps += 1
        over = self.steps == STEPS
        terminated[:], truncated[:] = over & self.terminal, over & (not self.terminal)
        self.steps[over] = 0
        rewards["seeker"][:] = 1.0
        self.observe(out)

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        out["seeker"].obs[:] = 1.0
        out["seeker"].action_mask[:] = True
        out["seeker"].valid[:] = True

    def get_state(self) -> dict[str, np.ndarray]:
        return {"steps": self.steps.copy()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.steps[:] = state["steps"]
