"""A PettingZoo `ParallelEnv`, trained.

    python examples/pettingzoo_game.py

Two players each see a number and are to say it. Any other
`ParallelEnv` with discrete actions is wrapped in the same way; each team has one policy.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # not needed once it is installed

from envs.adapters.parallel_env import ParallelBatchEnv
from trainer.ppo_trainer import Game, create_ppo_trainer, train

Values = dict[str, Any]
NUMBERS, ROUNDS = 3, 8


class Echo(ParallelEnv):
    """Both players see a number, which is another in each round, and are paid for saying it."""

    metadata = {"name": "echo_v0"}  # noqa: RUF012 (PettingZoo's own way)
    possible_agents = ["player_0", "player_1"]  # noqa: RUF012

    def __init__(self) -> None:
        self.agents: list[str] = []
        self._seen, self._said = spaces.MultiBinary(NUMBERS), spaces.Discrete(NUMBERS)

    def observation_space(self, agent: str) -> spaces.Space:
        return self._seen

    def action_space(self, agent: str) -> spaces.Space:
        return self._said

    def reset(
        self, seed: int | None = None, options: Values | None = None
    ) -> tuple[Values, Values]:
        self.random, self.round, self.agents = (
            np.random.default_rng(seed),
            0,
            [*self.possible_agents],
        )
        return self._show(), {agent: {} for agent in self.agents}

    def step(self, actions: Values) -> tuple[Values, Values, Values, Values, Values]:
        rewards = {agent: float(actions[agent] == self.numbers[agent]) for agent in self.agents}
        self.round += 1
        infos: Values = {agent: {} for agent in self.agents}
        going_on = dict.fromkeys(self.agents, False)
        stopped = dict.fromkeys(self.agents, self.round == ROUNDS)  # truncated, not at an end
        seen = self._show()
        if self.round == ROUNDS:
            self.agents = []
        return seen, rewards, going_on, stopped, infos

    def _show(self) -> Values:
        self.numbers = {agent: int(self.random.integers(NUMBERS)) for agent in self.agents}
        return {a: np.eye(NUMBERS, dtype=np.int8)[number] for a, number in self.numbers.items()}


def main(folder: Path) -> None:
    teams = {"players": ["player_0", "player_1"]}
    game = Game("echo", partial(ParallelBatchEnv, Echo, teams))
    config = {
        "ppo": {
            "checkpoint_dir": str(folder / "checkpoints"),
            "num_iterations": 10,
            "rollout_length": 16,
            "minibatch_size": 128,
            "lr": 0.01,
            "reward_scale": 1.0,
        },
        "ray": {"num_envs_per_env_runner": 16},
        "tracking": {"tensorboard_dir": str(folder / "runs"), "window_episodes": 100},
    }
    done = train(config, game=game)
    trainer, _ = create_ppo_trainer(config, done.checkpoint, game=game)
    for number in range(NUMBERS):
        action = trainer.compute_single_action(np.eye(NUMBERS)[number], policy_id="players_policy")
        print("sees", number, "says", int(action[0]))
    trainer.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
