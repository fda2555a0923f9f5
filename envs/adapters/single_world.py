"""One world of hide-and-seek by agent names: what the adapters share."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import logger, spaces

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.spaces import NUM_HEADS, NVEC, OBS_BOUND, OBS_SIZE
from envs.hide_and_seek.word_hints import did_you_mean, nearest
from envs.render.ansi import draw_text
from envs.render.canvas import picture_height
from envs.render.raster import DEFAULT_SIZE, draw_image
from envs.render.scene import build_scene
from envs.render.window import Window

Observations = dict[str, np.ndarray]
Infos = dict[str, dict[str, Any]]
Stepped = tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]
"""Of every agent: observation, reward, whether it is terminated or truncated, information."""

RENDER_MODES = ("human", "rgb_array", "ansi")
RENDER_FPS = 15


class SingleWorld:
    """A `HideAndSeekBatchEnv` of one world, spoken to in dictionaries by agent name.

    The same seed gives the same games as in any other number of worlds: `start(seed)` begins the
    first, each `start(None)` after it the next one of that seed's stream.
    """

    def __init__(self, config: HideAndSeekConfig, render_mode: str | None) -> None:
        """Builds the world.

        Raises:
            ValueError: the render mode is unknown.
        """
        if render_mode is not None and render_mode not in RENDER_MODES:
            hint = did_you_mean(str(render_mode), RENDER_MODES)
            raise ValueError(f"render_mode {render_mode!r} is unknown; {hint}")
        self.env = HideAndSeekBatchEnv(config, num_envs=1, autoreset=False)
        self.render_mode = render_mode
        self._places = {  # team and place in it, by agent
            name: (spec.name, k) for spec in self.env.teams for k, name in enumerate(spec.agents)
        }
        self.agents = list(self._places)
        self.playing = False
        self._out = {spec.name: ObsBuffers.allocate(spec, 1) for spec in self.env.teams}
        self._rewards = {
            spec.name: np.zeros((1, spec.num_agents), np.float32) for spec in self.env.teams
        }
        self._dones = np.zeros(1, np.bool_)
        self._started = False
        self._window: Window | None = None

    def make_spaces(self) -> tuple[dict[str, spaces.Box], dict[str, spaces.MultiDiscrete]]:
        """The observation and the action space of every agent."""
        observation = {
            name: spaces.Box(-OBS_BOUND, OBS_BOUND, (OBS_SIZE,), np.float32) for name in self.agents
        }
        return observation, {name: spaces.MultiDiscrete(NVEC) for name in self.agents}

    def start(self, seed: int | None) -> None:
        """Begins an episode: a seed's first one, or without a seed the next one.

        Raises:
            ValueError: the seed is negative or above 2**64 - 1.
        """
        if seed is None and self._started:
            self.env.next_episodes(self._out)
        else:
            seed = secrets.randbits(64) if seed is None else int(seed)
            if not 0 <= seed < 2**64:
                raise ValueError(f"seed must be from 0 to 2**64 - 1, got {seed}")
            self.env.reset(np.array([seed], np.uint64), self._out)
        self._started = self.playing = True
        self._show()

    def step(self, actions: Mapping[str, Any]) -> bool:
        """Plays one step; returns whether the episode has ended.

        Raises:
            RuntimeError: no episode is being played.
            ValueError: an agent's action is missing, unknown, or no valid action.
        """
        if not self.playing:
            raise RuntimeError("no episode is being played: call reset() first")
        self.env.step(self._gather(actions), self._out, self._rewards, self._dones)
        self.playing = not self._dones[0]
        self._show()
        return not self.playing

    def observations(self) -> Observations:
        """Every agent's observation, [158] float32."""
        return {name: self._out[team].obs[0, k].copy() for name, (team, k) in self._places.items()}

    def rewards(self) -> dict[str, float]:
        """Every agent's reward of the last step."""
        return {name: float(self._rewards[team][0, k]) for name, (team, k) in self._places.items()}

    def infos(self) -> Infos:
        """For every agent `action_mask` [16] bool and `valid`; at the end `episode_stats` too."""
        infos: Infos = {}
        for name, (team, k) in self._places.items():
            out = self._out[team]
            infos[name] = {
                "action_mask": out.action_mask[0, k].copy(),
                "valid": bool(out.valid[0, k]),
            }
            if self._dones[0] and not self.playing:
                row = self.env.episode_stats[0].tolist()
                infos[name]["episode_stats"] = dict(zip(self.env.stat_names, row, strict=True))
        return infos

    def render(self) -> np.ndarray | str | None:
        """The picture of `render_mode`; the human window is drawn by itself."""
        if self.render_mode is None:
            logger.warn(
                "render() draws nothing without a render mode; give one at construction, "
                'for example render_mode="rgb_array"'
            )
            return None
        if self.render_mode == "human":
            return None
        if not self._started:
            raise RuntimeError("there is nothing to draw yet: call reset() first")
        scene = build_scene(self.env)
        return draw_text(scene) if self.render_mode == "ansi" else draw_image(scene)

    @property
    def window_closed(self) -> bool:
        """Whether the user has closed the human window; the game continues unseen."""
        return self._window is not None and self._window.closed

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._window.close()

    def _show(self) -> None:
        if self.render_mode != "human" or self.window_closed:
            return
        if self._window is None:
            self._window = Window(DEFAULT_SIZE, picture_height(DEFAULT_SIZE), "hide and seek")
        self._window.show(draw_image(build_scene(self.env)), RENDER_FPS)

    def _gather(self, actions: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Turns actions by agent into actions by team [1, A, 5], checking shape and type."""
        for name in actions:
            if name not in self.agents:
                raise ValueError(
                    f"action for unknown agent {name!r}; did you mean "
                    f"{nearest(str(name), self.agents)!r}?"
                )
        gathered = {}
        for spec in self.env.teams:
            rows = []
            for name in spec.agents:
                if name not in actions:
                    raise ValueError(f"the action of agent {name!r} is missing")
                action = np.asarray(actions[name])
                if action.shape != (NUM_HEADS,):
                    raise ValueError(
                        f"the action of {name!r} must have shape ({NUM_HEADS},), got {action.shape}"
                    )
                if action.dtype.kind not in "iu":
                    raise ValueError(f"the action of {name!r} must be integers, got {action.dtype}")
                rows.append(action)
            gathered[spec.name] = np.stack(rows)[None]
        return gathered
