"""Hide-and-seek as a PettingZoo `ParallelEnv`."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from envs.adapters.single_world import (
    RENDER_FPS,
    RENDER_MODES,
    Infos,
    Observations,
    SingleWorld,
    Stepped,
)
from envs.hide_and_seek.config import HideAndSeekConfig


class HideAndSeekParallelEnv(ParallelEnv):
    """One world; observations and actions as `envs.hide_and_seek.spaces` says.

    `info["action_mask"]` [16] bool tells which choices count; the others act as the no-op.
    `info["valid"]` is False of an agent that can do nothing: a frozen seeker, or one that does not
    take part in the episode, as teams may be smaller in some.
    """

    metadata = {  # noqa: RUF012 (PettingZoo's own way)
        "name": "hide_and_seek_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
        "is_parallelizable": True,
    }

    def __init__(
        self, config: HideAndSeekConfig | None = None, render_mode: str | None = None
    ) -> None:
        """Builds the world; None means the standard game.

        Raises:
            ValueError: the render mode is unknown.
        """
        self.world = SingleWorld(config or HideAndSeekConfig(), render_mode)
        self.render_mode = render_mode
        self.possible_agents = list(self.world.agents)
        self.agents: list[str] = []
        self.observation_spaces, self.action_spaces = self.world.make_spaces()

    def observation_space(self, agent: str) -> spaces.Space:
        """An agent's observation space, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """An agent's action space, always the same object."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, Infos]:
        """Starts an episode: the first one of `seed`, or the next one; `options` are ignored."""
        self.world.start(seed)
        self.agents = list(self.possible_agents)
        return self.world.observations(), self.world.infos()

    def step(self, actions: dict[str, Any]) -> Stepped:
        """Plays one step; every agent ends at the time limit, which it can see: a termination.

        Raises:
            RuntimeError: no episode is being played.
            ValueError: an action is missing, unknown or invalid.
        """
        ended = self.world.step(actions)
        self.agents = [] if ended else list(self.possible_agents)
        return (
            self.world.observations(),
            self.world.rewards(),
            dict.fromkeys(self.possible_agents, ended),
            dict.fromkeys(self.possible_agents, False),
            self.world.infos(),
        )

    def render(self) -> np.ndarray | str | None:
        """An image or text, or None in human mode, whose window follows by itself."""
        return self.world.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self.world.close()
