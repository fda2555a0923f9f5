"""One world of hide and seek played again from a copy, and the frames that are kept of it.

A frame is what a picture of the world needs and no more. `put_frame` lays one into an environment
of the same game, which can then be drawn as if it had been played there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.kernels.state import allocate_objects, allocate_world

if TYPE_CHECKING:
    from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv

FRAME = (
    *("pos", "heading", "time", "prep_steps", "episode_steps", "layout", "sees", "seen_steps"),
    *("object_rect", "lock_team", "holding", "climb"),
)
"""The arrays of a state that a picture shows."""


class WorldRerun:
    """See `envs.rerun.Rerun`."""

    def __init__(self, env: HideAndSeekBatchEnv, world: int) -> None:
        """Copies a world as it is now; the arenas are shared, as nothing writes to them.

        Raises:
            IndexError: there is no such world.
        """
        if not 0 <= world < env.num_envs:
            raise IndexError(f"world must be from 0 to {env.num_envs - 1}, got {world}")
        part = env.part(slice(world, world + 1))
        shared = (part.layouts, part.config, part.rules, part.pay, part.teams)
        self._env = copy.deepcopy(part, {id(one): one for one in shared})
        self._env.autoreset = False
        self._out = {spec.name: ObsBuffers.allocate(spec, 1) for spec in env.teams}
        self._rewards = {
            spec.name: np.zeros((1, spec.num_agents), np.float32) for spec in env.teams
        }
        self._ended = np.zeros(1, np.bool_)

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings of the game, as plain values."""
        return self._env.config.model_dump(mode="json")

    def step(self, actions: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
        """See `Rerun.step`."""
        one = {team: array[None] for team, array in actions.items()}
        self._env.step(one, self._out, self._rewards, self._ended)
        paid = {team: array[0].copy() for team, array in self._rewards.items()}
        return paid, bool(self._ended[0])

    def go_on(self) -> None:
        """See `Rerun.go_on`."""
        self._env.next_episodes(self._out)

    def frame(self) -> dict[str, np.ndarray]:
        """The arrays of `FRAME` of this world, without the axis of worlds."""
        arrays = self._env.world._asdict() | self._env.objects._asdict()
        return {name: arrays[name][0].copy() for name in FRAME}

    def place(self) -> dict[str, Any]:
        """The level, and the number of the arena among those of the level."""
        env = self._env
        layout = int(env.world.layout[0])
        level = int(env.layouts.level[layout])
        first = int(env.rules.level_first[level])
        return {"level": env.config.levels[level], "arena": layout - first}

    def state(self) -> dict[str, np.ndarray]:
        """See `Rerun.state`."""
        return self._env.get_state()


def empty_frame(num_agents: int) -> dict[str, np.ndarray]:
    """Arrays of `FRAME` as they are of a world where nothing has happened: shapes and types."""
    arrays = _empty_state(num_agents)
    return {name: arrays[name][0] for name in FRAME}


def put_frame(env: HideAndSeekBatchEnv, frame: Mapping[str, np.ndarray]) -> None:
    """Makes the only world of `env` look as in a frame; it cannot be played on from there.

    Args:
        env: one world of the same game, without restarts; it need not have started.
        frame: as `empty_frame`, of unknown origin.

    Raises:
        ValueError: an array is missing, or holds what no world can be like.
    """
    state = _empty_state(env.world.pos.shape[1])
    state["episode_stats"] = np.zeros_like(env.episode_stats)
    for name in FRAME:
        if name not in frame:
            raise ValueError(f"the frame lacks {name!r}")
        state[name] = np.asarray(frame[name])[None]
    state["first_seen"] = np.where(state["seen_steps"] > 0, 0, -1).astype(np.int32)
    env.set_state(state)


def _empty_state(num_agents: int) -> dict[str, np.ndarray]:
    """The arrays of one world of so many agents, but for its statistics."""
    arrays = allocate_world(1, num_agents)._asdict() | allocate_objects(1, num_agents)._asdict()
    return {**arrays, "moving_return": np.zeros((1, 2), np.float32)}
