"""A game of one's own: written, trained, saved, resumed and played.

    python examples/own_game.py

A walker on a corridor is to find its end. It is stopped after 20 steps, which it cannot see: that
is a truncation, not an end of the game.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # not needed once it is installed

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec
from trainer.ppo_trainer import Game, create_ppo_trainer, train
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun

GOAL, LIMIT = 6, 20


class Corridor(BatchEnv):
    """N corridors with one walker each; the actions are back, stay and ahead."""

    truncates = True
    stat_names = ("length", "walker_return")

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.teams = (TeamSpec("walker", ("walker_0",), obs_size=GOAL + 1, nvec=(3,)),)
        self.episode_stats = np.zeros((num_envs, 2), np.float32)
        self.final_obs = {"walker": np.zeros((num_envs, 1, GOAL + 1), np.float32)}
        self.random = np.zeros(num_envs, np.uint64)
        self.place = np.zeros(num_envs, np.int64)
        self.steps = np.zeros(num_envs, np.int64)

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        self.random[:] = seeds
        self._start(np.ones(self.num_envs, np.bool_))
        self.observe(out)

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        self.place = np.clip(self.place + actions["walker"][:, 0, 0] - 1, 0, GOAL)
        self.steps += 1
        terminated[:] = self.place == GOAL
        truncated[:] = (self.steps == LIMIT) & ~terminated
        rewards["walker"][:, 0] = terminated
        over = terminated | truncated
        self.episode_stats[over] = np.stack([self.steps, terminated], axis=1)[over]
        self.final_obs["walker"][:, 0] = self._seen()  # before the next episodes begin
        self._start(over)
        self.observe(out)

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        out["walker"].obs[:, 0] = self._seen()
        out["walker"].action_mask[:], out["walker"].valid[:] = True, True

    def get_state(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name).copy() for name in ("random", "place", "steps")}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        for name in ("random", "place", "steps"):
            getattr(self, name)[:] = state[name]

    def _start(self, which: np.ndarray) -> None:
        """Begins the next episode of some worlds at a place drawn from their own random numbers."""
        self.random[which] = self.random[which] * np.uint64(6364136223846793005) + np.uint64(1)
        self.place[which] = (self.random[which] >> np.uint64(40)) % np.uint64(GOAL)
        self.steps[which] = 0

    def _seen(self) -> np.ndarray:
        return np.eye(GOAL + 1, dtype=np.float32)[self.place]


def main(folder: Path) -> None:
    game = Game("corridor", Corridor)
    config: dict[str, Any] = {
        "ppo": {
            "checkpoint_dir": str(folder / "checkpoints"),
            "num_iterations": 8,
            "checkpoint_freq": 2,
            "rollout_length": 32,
            "minibatch_size": 256,
            "lr": 0.003,
            "reward_scale": 1.0,
        },
        "ray": {"num_envs_per_env_runner": 32},
        "tracking": {"tensorboard_dir": str(folder / "runs"), "window_episodes": 200},
    }

    half = train(config, game=game, until=4)
    assert half.checkpoint is not None
    # To the same bits as if it had not stopped: worlds, weights, optimizer and random numbers.
    resumed = RunOrigin(saved=SavedRun.open(half.checkpoint))
    done = train(config, game=game, origin=resumed)

    trainer, _ = create_ppo_trainer(config, done.checkpoint, game=game)
    place, path = 0, [0]
    while place != GOAL and len(path) <= LIMIT:
        seen = np.eye(GOAL + 1)[place]
        place += int(trainer.compute_single_action(seen, policy_id="walker_policy")[0]) - 1
        path.append(place := max(place, 0))
    print("the walker goes", *path)
    trainer.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
