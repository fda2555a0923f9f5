"""A game of tag, two chasers against two runners, to measure the trainer on a small network.

Points on a square plane push themselves in one of eight directions or not at all. A runner that is
touched is tagged, and starts anew at a random place. 32 numbers are seen, all of them live.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec
from envs.game import Game
from envs.hide_and_seek.kernels import random_stream
from envs.hide_and_seek.kernels.random_stream import next_unit
from envs.jit import compiler

TEAM, AGENTS = 2, 4  # agents 0 and 1 chase, 2 and 3 run, on [-1, 1] x [-1, 1]
OBS_SIZE = 32
LENGTH = 100  # steps of an episode
CHOICES = 9  # stay, and eight directions

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_PUSH = np.array((0.012, 0.014), np.float32)  # chasers, runners
_KEEP = np.float32(0.8)  # of the speed, per step
_TOUCH = np.float32(0.12)
_FULL_SPEED = np.float32(0.07)
_ANGLES = np.arange(CHOICES - 1) * (np.pi / 4)
_DIRECTIONS = np.concatenate(
    [np.zeros((1, 2)), np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)]
).astype(np.float32)

kernel = compiler([Path(__file__), Path(random_stream.__file__)], nogil=True)


class Worlds(NamedTuple):
    """The state of N worlds, as the kernels take it."""

    stream: np.ndarray  # [N] uint64
    time: np.ndarray  # [N] int64
    place: np.ndarray  # [N, 4, 2] float32
    speed: np.ndarray  # [N, 4, 2] float32
    tags: np.ndarray  # [N, 4] float32, given or taken in this episode


class TagEnv(BatchEnv):
    """N planes."""

    stat_names = ("length", "chaser_return", "runner_return")

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.teams = tuple(
            TeamSpec(team, (f"{team}_0", f"{team}_1"), obs_size=OBS_SIZE, nvec=(CHOICES,))
            for team in ("chaser", "runner")
        )
        self.episode_stats = np.zeros((num_envs, 3), np.float32)
        self._worlds = Worlds(
            stream=np.zeros(num_envs, np.uint64),
            time=np.zeros(num_envs, np.int64),
            place=np.zeros((num_envs, AGENTS, 2), np.float32),
            speed=np.zeros((num_envs, AGENTS, 2), np.float32),
            tags=np.zeros((num_envs, AGENTS), np.float32),
        )

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        self._worlds.stream[:] = seeds
        start(self._worlds)
        self.observe(out)

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        teams = (actions["chaser"], actions["runner"])
        pay = (rewards["chaser"], rewards["runner"])
        play(self._worlds, teams, pay, terminated, self.episode_stats)
        truncated[:] = False
        self.observe(out)

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        chaser, runner = out["chaser"], out["runner"]
        see(self._worlds, (chaser.obs, runner.obs))
        for team in (chaser, runner):
            team.action_mask[:] = True
            team.valid[:] = True

    def part(self, worlds: slice) -> TagEnv:
        """See `BatchEnv.part`."""
        part = TagEnv.__new__(TagEnv)
        part.teams = self.teams
        part.episode_stats = self.episode_stats[worlds]
        part.num_envs = len(part.episode_stats)
        part._worlds = Worlds(*(array[worlds] for array in self._worlds))
        return part

    def get_state(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self._worlds._asdict().items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        for name, array in self._worlds._asdict().items():
            array[...] = state[name]


def tag_game() -> Game:
    """The game for the trainer; an episode's end is seen, so it is a termination."""
    return Game("tag", TagEnv, episode_steps=LENGTH)


@kernel
def start(worlds):
    """Begins an episode in every world."""
    for n in range(len(worlds.time)):
        _start_world(worlds, n)


@kernel
def _start_world(worlds, n):
    worlds.time[n] = 0
    for agent in range(AGENTS):
        worlds.tags[n, agent] = _ZERO
        _put_anywhere(worlds, n, agent)


@kernel
def _put_anywhere(worlds, n, agent):
    for axis in range(2):
        worlds.place[n, agent, axis] = _TWO * next_unit(worlds.stream, n) - _ONE
        worlds.speed[n, agent, axis] = _ZERO


@kernel
def play(worlds, actions, rewards, terminated, stats):
    """Plays one step in every world; finished ones start anew.

    Args:
        worlds: see `Worlds`.
        actions: of chasers and runners, [N, 2, 1].
        rewards: of chasers and runners, [N, 2], filled.
        terminated: [N], filled.
        stats: [N, 3], filled where an episode has ended.
    """
    for n in range(len(worlds.time)):
        for agent in range(AGENTS):
            _move(worlds, n, agent, actions[agent // TEAM][n, agent % TEAM, 0])
        for team in rewards:
            team[n, :] = _ZERO
        for chaser in range(TEAM):
            for runner in range(TEAM, AGENTS):
                if _distance(worlds, n, chaser, runner) < _TOUCH:
                    rewards[0][n, chaser] += _ONE
                    rewards[1][n, runner - TEAM] -= _ONE
                    worlds.tags[n, chaser] += _ONE
                    worlds.tags[n, runner] += _ONE
                    _put_anywhere(worlds, n, runner)
        worlds.time[n] += 1
        terminated[n] = worlds.time[n] == LENGTH
        if terminated[n]:
            tags = worlds.tags[n]
            stats[n, 0] = LENGTH
            stats[n, 1], stats[n, 2] = (tags[0] + tags[1]) / TEAM, -(tags[2] + tags[3]) / TEAM
            _start_world(worlds, n)


@kernel
def _move(worlds, n, agent, choice):
    for axis in range(2):
        push = _PUSH[agent // TEAM] * _DIRECTIONS[choice, axis]
        speed = _KEEP * worlds.speed[n, agent, axis] + push
        place = worlds.place[n, agent, axis] + speed
        if abs(place) > _ONE:  # the wall stops it
            place, speed = min(max(place, -_ONE), _ONE), _ZERO
        worlds.speed[n, agent, axis], worlds.place[n, agent, axis] = speed, place


@kernel
def _distance(worlds, n, one, other):
    x = worlds.place[n, other, 0] - worlds.place[n, one, 0]
    y = worlds.place[n, other, 1] - worlds.place[n, one, 1]
    return np.sqrt(x * x + y * y)


@kernel
def see(worlds, obs):
    """Writes what every agent sees.

    Eight numbers of itself (place, speed, time left, tags, its team, how near the next opponent
    is), then eight of its mate and of each opponent (where it is, how it moves, how far it is, how
    near, in which direction).

    Args:
        worlds: see `Worlds`.
        obs: of chasers and runners, [N, 2, 32], filled.
    """
    for n in range(len(worlds.time)):
        for agent in range(AGENTS):
            team = agent // TEAM
            row = obs[team][n, agent % TEAM]
            nearest, at = _TWO + _ONE, 8
            for k in range(1, AGENTS):
                other = (agent ^ 1) if k == 1 else TEAM * (1 - team) + k - 2
                distance = _distance(worlds, n, agent, other)
                near = max(distance, np.float32(1e-6))
                for axis in range(2):
                    away = worlds.place[n, other, axis] - worlds.place[n, agent, axis]
                    faster = worlds.speed[n, other, axis] - worlds.speed[n, agent, axis]
                    row[at + axis], row[at + 2 + axis] = away, faster / _FULL_SPEED
                    row[at + 6 + axis] = away / near
                row[at + 4], row[at + 5] = distance, _ONE / (_ONE + distance)
                if k > 1:
                    nearest = min(nearest, distance)
                at += 8
            row[0], row[1] = worlds.place[n, agent, 0], worlds.place[n, agent, 1]
            row[2] = worlds.speed[n, agent, 0] / _FULL_SPEED
            row[3] = worlds.speed[n, agent, 1] / _FULL_SPEED
            row[4] = _ONE - np.float32(worlds.time[n]) / np.float32(LENGTH)
            row[5] = worlds.tags[n, agent]
            row[6] = _ONE if team == 0 else -_ONE
            row[7] = _ONE / (_ONE + nearest)
