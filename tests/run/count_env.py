"""A game for any teams: agents see a drawn number and how far they are, and count up together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec

STEPS = 5


class CountEnv(BatchEnv):
    """Pays the first action. After `STEPS` one half of the worlds ends, the other is cut off."""

    truncates = True

    def __init__(self, teams: Mapping[str, int], num_envs: int) -> None:
        self.num_envs = num_envs
        self.teams = tuple(
            TeamSpec(name, tuple(f"{name}_{k}" for k in range(size)), 2, (3, 2))
            for name, size in teams.items()
        )
        self.stat_names = ("length", "highest", *(f"{name}_return" for name in teams))
        self.episode_stats = np.zeros((num_envs, len(self.stat_names)), np.float32)
        self.final_obs = {
            spec.name: np.zeros((num_envs, spec.num_agents, 2), np.float32) for spec in self.teams
        }
        self.streams = np.zeros(num_envs, np.uint64)
        self.steps = np.zeros(num_envs, np.int64)
        self.sums = np.zeros_like(self.episode_stats)
        self.bonus = 0.5

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        self.streams[:], self.steps[:], self.sums[:] = seeds, 0, 0.0
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
        self.streams = self.streams * np.uint64(6364136223846793005) + np.uint64(1)
        self.sums[:, 0] += 1
        for column, spec in enumerate(self.teams, 2):
            rewards[spec.name][:] = actions[spec.name][..., 0] * self.bonus
            self.sums[:, column] += rewards[spec.name].mean(axis=1)
            best = rewards[spec.name].max(axis=1)
            self.sums[:, 1] = np.maximum(self.sums[:, 1], best)
        over, odd = self.steps == STEPS, np.arange(self.num_envs) % 2 == 1
        terminated[:], truncated[:] = over & odd, over & ~odd
        for name in self.final_obs:
            self.final_obs[name][:] = self._seen()[:, None]
        self.episode_stats[over] = self.sums[over]
        self.sums[over], self.steps[over] = 0.0, 0
        self.observe(out)

    def set_parameters(self, values: Mapping[str, float]) -> dict[str, float]:
        before, self.bonus = self.bonus, values.get("bonus", self.bonus)
        return {"bonus": before}

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        for buffers in out.values():
            buffers.obs[:] = self._seen()[:, None]
            buffers.action_mask[:], buffers.valid[:] = True, True

    def _seen(self) -> np.ndarray:
        drawn = (self.streams >> np.uint64(40)).astype(np.float32) / 2**24
        return np.stack([drawn, self.steps / STEPS], axis=-1).astype(np.float32)

    def get_state(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name).copy() for name in ("streams", "steps", "sums")}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        for name, array in state.items():
            getattr(self, name)[:] = array
