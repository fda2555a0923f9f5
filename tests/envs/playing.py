"""Shorthand for tests: environments with their buffers, and worlds set up by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.kernels.state import allocate_objects
from envs.hide_and_seek.layouts import pack_walls
from envs.hide_and_seek.spaces import NOOP

Place = tuple[float, float, int]  # x, y in meters, heading in bins
Rect = tuple[float, float, float, float]  # middle x, y, half width, half height, meters


@dataclass
class Play:
    """An environment with buffers, ready to step."""

    env: HideAndSeekBatchEnv
    state: bool = False  # whether the buffers have room for a value function's state
    out: dict[str, ObsBuffers] = field(init=False)
    rewards: dict[str, np.ndarray] = field(init=False)
    dones: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n = self.env.num_envs
        teams = self.env.teams
        self.out = {s.name: ObsBuffers.allocate(s, n, state=self.state) for s in teams}
        self.rewards = {s.name: np.zeros((n, s.num_agents), np.float32) for s in self.env.teams}
        self.dones = np.zeros(n, np.bool_)

    def reset(self, *seeds: int) -> None:
        self.env.reset(np.array(seeds, np.uint64), self.out)

    def step(self, actions: dict[str, np.ndarray]) -> None:
        self.env.step(actions, self.out, self.rewards, self.dones)

    def random_actions(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        n = self.env.num_envs
        return {
            s.name: rng.integers(0, s.nvec, (n, s.num_agents, len(s.nvec))) for s in self.env.teams
        }

    def noop(self) -> dict[str, np.ndarray]:
        n = self.env.num_envs
        return {s.name: np.tile(np.array(NOOP), (n, s.num_agents, 1)) for s in self.env.teams}

    def everything(self) -> list[np.ndarray]:
        """All that an observer can see after a step, copied."""
        arrays = [self.dones, self.env.episode_stats]
        for spec in self.env.teams:
            team = self.out[spec.name]
            arrays += [team.obs, team.action_mask, team.valid, self.rewards[spec.name]]
        return [array.copy() for array in arrays]


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    """Asserts that what two observers see is alike, to the last bit; see `Play.everything`."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def make_play(
    num_envs: int = 4, *, autoreset: bool = True, state: bool = False, **settings: Any
) -> Play:
    """An environment with a small bank of arenas, not yet reset."""
    settings.setdefault("num_layouts", 4)
    config = HideAndSeekConfig(**settings)
    return Play(HideAndSeekBatchEnv(config, num_envs, autoreset=autoreset), state)


def place(
    walls: list[Rect],
    seekers: list[Place],
    hiders: list[Place],
    time: int | None = None,
    objects: Mapping[int, Rect] | None = None,
    **settings: Any,
) -> Play:
    """One world with just these walls, agents and objects by index, observed.

    `time` is the step count; None = the start of the main phase.
    """
    settings |= {"num_seekers": len(seekers), "num_hiders": len(hiders)}
    play = make_play(1, num_layouts=1, num_boxes=0, num_ramps=0, **settings)
    play.reset(0)
    rects = pack_walls(np.array(walls, np.float32).reshape(-1, 4), len(walls))[None]
    count = np.array([len(walls)], np.int32)
    play.env.layouts = play.env.layouts._replace(walls=rects, num_walls=count)
    world = play.env.world
    for a, (x, y, heading) in enumerate([*seekers, *hiders]):
        world.pos[0, a] = x, y
        world.heading[0, a] = heading
    world.time[0] = play.env.world.prep_steps[0] if time is None else time
    if objects is not None:
        use_objects(play)
        for k, rect in objects.items():
            play.env.objects.object_rect[0, k] = rect
    play.env.observe(play.out)
    return play


def use_objects(play: Play, *, ramp_locks: bool = True) -> None:
    """Plays with objects, whatever the level; there are none before they are put somewhere."""
    rules = play.env.rules
    locks = np.full_like(rules.ramp_locks, ramp_locks)
    play.env.rules = rules._replace(has_objects=True, ramp_locks=locks)
    fresh = allocate_objects(play.env.num_envs, play.env.world.pos.shape[1])
    for array, start in zip(play.env.objects, fresh, strict=True):
        array[...] = start
