"""The smallest game with an answer: see a number, say it. Two teams, one agent each, one step."""

from collections.abc import Mapping

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec

CHOICES = 4


class OneStepEnv(BatchEnv):
    """Reward 1 for naming the number shown (seeker) or the next one (hider), else 0.

    The second action head is free; the choice 2 of it is always forbidden.
    """

    stat_names = ("length", "seeker_return", "hider_return")

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.teams = tuple(
            TeamSpec(name, (f"{name}_0",), CHOICES, (CHOICES, 3)) for name in ("seeker", "hider")
        )
        self.episode_stats = np.zeros((num_envs, 3), np.float32)
        self.streams = np.zeros(num_envs, np.uint64)

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        self.streams = seeds.astype(np.uint64).copy()
        self.observe(out)

    def shown(self) -> np.ndarray:
        return ((self.streams >> np.uint64(33)) % np.uint64(CHOICES)).astype(np.int64)

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        shown = self.shown()
        for shift, name in enumerate(("seeker", "hider")):
            answer = actions[name][:, 0, 0]
            assert (actions[name][:, 0, 1] != 2).all(), "a forbidden action was taken"
            rewards[name][:, 0] = answer == (shown + shift) % CHOICES
            self.episode_stats[:, 1 + shift] = rewards[name][:, 0]
        self.episode_stats[:, 0] = 1
        terminated[:], truncated[:] = True, False
        self.streams = self.streams * np.uint64(6364136223846793005) + np.uint64(
            1442695040888963407
        )
        self.observe(out)

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        for buffers in out.values():
            buffers.obs[:, 0] = np.eye(CHOICES, dtype=np.float32)[self.shown()]
            buffers.action_mask[:] = True
            buffers.action_mask[..., CHOICES + 2] = False
            buffers.valid[:] = True

    def get_state(self) -> dict[str, np.ndarray]:
        return {"streams": self.streams.copy()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        if state["streams"].shape != self.streams.shape:
            raise ValueError(f"streams {state['streams'].shape} for {self.streams.shape}")
        self.streams = state["streams"].copy()
