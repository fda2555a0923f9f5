"""A game whose returns depend on a drawn number that the state shows and no observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec

STEPS = 4
DEAD = STEPS  # a column of the state that is always 0


class HiddenEnv(BatchEnv):
    """Pays the seekers the number, -1 or 1, at every step of an episode, the hiders its negative.

    Actions do nothing. Observations show how many steps were played (a one-hot), as does the
    state [STEPS + 1], which has the number for the one. An episode terminates after `STEPS`; with
    `cuts` it is truncated, as if the same number were paid for ever.
    """

    stat_names = ("length", "seeker_return", "hider_return")

    def __init__(self, num_envs: int, *, cuts: bool = False, agents: int = 2) -> None:
        self.num_envs, self.truncates = num_envs, cuts
        live = tuple(range(STEPS))
        self.teams = tuple(
            TeamSpec(
                *(name, tuple(f"{name}_{k}" for k in range(agents)), STEPS, (3,), live),
                state_size=STEPS + 1,
                live_state=live,
            )
            for name in ("seeker", "hider")
        )
        self.episode_stats = np.zeros((num_envs, 3), np.float32)
        shape = (num_envs, agents)
        self.final_obs = {t.name: np.zeros((*shape, STEPS), np.float32) for t in self.teams}
        self.final_state = {t.name: np.zeros((*shape, STEPS + 1), np.float32) for t in self.teams}
        self.streams = np.zeros(num_envs, np.uint64)
        self.steps = np.zeros(num_envs, np.int64)

    def part(self, worlds: slice) -> HiddenEnv:
        part = HiddenEnv(1, cuts=self.truncates, agents=self.teams[0].num_agents)
        for name in ("streams", "steps", "episode_stats"):
            setattr(part, name, getattr(self, name)[worlds])
        part.final_obs = {team: array[worlds] for team, array in self.final_obs.items()}
        part.final_state = {team: array[worlds] for team, array in self.final_state.items()}
        part.num_envs = len(part.steps)
        return part

    def numbers(self) -> np.ndarray:
        """[N] float32, -1 or 1."""
        return ((self.streams >> np.uint64(33)) % np.uint64(2)).astype(np.float32) * 2 - 1

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        self.streams[:], self.steps[:] = seeds, seeds % np.uint64(STEPS)  # they end at other times
        self._draw(np.ones(self.num_envs, np.bool_))
        self.observe(out)

    def _draw(self, worlds: np.ndarray) -> None:
        drawn = self.streams * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        self.streams[worlds] = drawn[worlds]

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        paid = self.numbers()
        rewards["seeker"][:], rewards["hider"][:] = paid[:, None], -paid[:, None]
        self.steps += 1
        over = self.steps == STEPS
        terminated[:], truncated[:] = over & (not self.truncates), over & self.truncates
        self.episode_stats[:] = np.stack([np.full_like(paid, STEPS), paid, -paid], axis=1)
        self.steps[over] = 0
        if self.truncates:
            for team, final in self.final_obs.items():  # as if the next step were the first again
                final[:] = self._seen(self.steps)[:, None]
                if out[team].state is not None:
                    self.final_state[team][:] = self._state()[:, None]
        self._draw(over)
        self.observe(out)

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        for buffers in out.values():
            buffers.obs[:] = self._seen(self.steps)[:, None]
            buffers.action_mask[:], buffers.valid[:] = True, True
            if buffers.state is not None:
                buffers.state[:] = self._state()[:, None]

    def _seen(self, steps: np.ndarray) -> np.ndarray:
        return np.eye(STEPS, dtype=np.float32)[steps]

    def _state(self) -> np.ndarray:
        shown = self._seen(self.steps) * self.numbers()[:, None]
        return np.concatenate([shown, np.zeros((self.num_envs, 1), np.float32)], axis=1)

    def get_state(self) -> dict[str, np.ndarray]:
        return {"streams": self.streams.copy(), "steps": self.steps.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.streams[:], self.steps[:] = state["streams"], state["steps"]
