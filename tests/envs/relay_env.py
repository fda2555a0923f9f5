"""A small `ParallelEnv` for the tests of its adapter: agents say numbers and see a drawn one."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

Many = dict[str, Any]


class RelayEnv(ParallelEnv):
    """Red pays what it says, blue the negative of it; each episode draws a number.

    Args:
        ends_at: steps until everybody terminates.
        cut_at: steps until everybody is truncated.
        red_1_ends_at: steps until this agent alone terminates.
        repeats: whether a seed gives the same number again.
    """

    metadata = {"name": "relay_v0"}  # noqa: RUF012 (PettingZoo's own way)

    def __init__(
        self,
        ends_at: int = 3,
        cut_at: int = 1000,
        red_1_ends_at: int = 1000,
        repeats: bool = True,
    ) -> None:
        self.ends_at, self.cut_at, self.red_1_ends_at = ends_at, cut_at, red_1_ends_at
        self.repeats = repeats
        self.possible_agents = ["red_0", "red_1", "blue_0"]
        self.agents: list[str] = []
        box, mask = spaces.Box(-9, 9, (2, 1), np.float32), spaces.Box(0, 1, (3,), np.int8)
        masked = spaces.Dict({"observation": box, "action_mask": mask})
        red = ("red_0", "red_1")
        self.seen: dict[str, spaces.Space] = {
            **{agent: spaces.Box(-9, 9, (2,), np.float32) for agent in red},
            "blue_0": masked,
        }
        self.actions: dict[str, spaces.Space] = {
            **{agent: spaces.MultiDiscrete([2, 4]) for agent in red},
            "blue_0": spaces.Discrete(3, start=5),
        }

    def observation_space(self, agent: str) -> spaces.Space:
        return self.seen[agent]

    def action_space(self, agent: str) -> spaces.Space:
        return self.actions[agent]

    def reset(self, seed: int | None = None, options: Many | None = None) -> tuple[Many, Many]:
        self.agents = list(self.possible_agents)
        entropy = seed if self.repeats else None
        self.number = float(np.random.default_rng(entropy).uniform(-1, 1))
        self.steps = 0
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions: Many) -> tuple[Many, Many, Many, Many, Many]:
        assert sorted(actions) == sorted(self.agents)
        for agent, action in actions.items():
            assert self.action_space(agent).contains(action), (agent, action)
        self.steps += 1
        rewards = {
            agent: -float(action) if agent == "blue_0" else float(action[1])
            for agent, action in actions.items()
        }
        ends = dict.fromkeys(self.agents, self.steps >= self.ends_at)
        if self.steps == self.red_1_ends_at:
            ends["red_1"] = True
        cuts = dict.fromkeys(self.agents, self.steps >= self.cut_at)
        seen = self._seen()
        infos: Many = {agent: {} for agent in self.agents}
        self.agents = [a for a in self.agents if not (ends[a] or cuts[a])]
        return seen, rewards, ends, cuts, infos

    def _seen(self) -> Many:
        seen = np.array([self.number, self.steps], np.float32)
        mask = np.array([1, 0, 1], np.int8)
        own = {"blue_0": {"observation": seen[:, None], "action_mask": mask}}
        return {agent: own.get(agent, seen) for agent in self.agents}

    def render(self) -> None:
        return None
