"""Hide-and-seek as an RLlib `MultiAgentEnv` (new API stack)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from envs.adapters.single_world import (
    RENDER_FPS,
    RENDER_MODES,
    Infos,
    Observations,
    SingleWorld,
    Stepped,
)
from envs.hide_and_seek.config import HideAndSeekConfig


class HideAndSeekMultiAgentEnv(MultiAgentEnv):
    """One world; observations and actions as `envs.hide_and_seek.spaces` says.

    `info["action_mask"]` [16] bool tells which choices count; the others act as the no-op.
    `info["valid"]` is False of an agent that can do nothing: a frozen seeker, or one that does not
    take part in the episode, as teams may be smaller in some.
    """

    metadata = {  # noqa: RUF012 (Gymnasium's own way)
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
    }

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        """Builds the world.

        Args:
            config: RLlib's `env_config`: the fields of `HideAndSeekConfig` and `render_mode`.

        Raises:
            ValueError: a key or a value is unknown.
        """
        game = dict(config or {})
        render_mode = game.pop("render_mode", None)
        self.world = SingleWorld(HideAndSeekConfig(**game), render_mode)
        self.render_mode = render_mode
        self.agents = list(self.world.agents)
        self.possible_agents = list(self.world.agents)
        super().__init__()
        self.observation_spaces, self.action_spaces = self.world.make_spaces()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, Infos]:
        """Starts an episode: the first one of `seed`, or the next one; `options` are ignored."""
        self.world.start(seed)
        return self.world.observations(), self.world.infos()

    def step(self, action_dict: dict[str, Any]) -> Stepped:
        """Plays one step; every agent ends at the time limit, which it can see: a termination.

        Raises:
            RuntimeError: no episode is being played.
            ValueError: an action is missing, unknown or invalid.
        """
        ended = self.world.step(action_dict)
        return (
            self.world.observations(),
            self.world.rewards(),
            dict.fromkeys([*self.possible_agents, "__all__"], ended),
            dict.fromkeys([*self.possible_agents, "__all__"], False),
            self.world.infos(),
        )

    def render(self) -> np.ndarray | str | None:
        """An image or text, or None in human mode, whose window follows by itself."""
        return self.world.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self.world.close()
