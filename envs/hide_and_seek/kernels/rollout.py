"""The game's step as a callback for compiled rollouts."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np

from envs.batch_env import TeamArrays
from envs.hide_and_seek.kernels.jit import OPTIONS, SOURCES, bare
from envs.hide_and_seek.kernels.state import Layouts, Objects, Pay, Rules, Scratch, TeamView, World
from envs.hide_and_seek.kernels.step import step_worlds
from envs.jit import callback


class Team(NamedTuple):
    """A team's arrays of the rollout, see `TeamArrays`."""

    obs: np.ndarray
    action_mask: np.ndarray
    valid: np.ndarray
    state: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray


class Rollout(NamedTuple):
    """A rollout in the n worlds `first` to `first + n` of its arrays' N."""

    world: World
    objects: Objects
    layouts: Layouts
    rules: Rules
    pay: Pay
    restart: bool
    seekers: Team
    hiders: Team
    dones: np.ndarray  # [T, N]
    stats: np.ndarray  # [n, 23]
    first: int
    scratch: Scratch  # of n worlds


def team_of(arrays: TeamArrays) -> Team:
    """The arrays of a team as kernels take them."""
    return Team(
        *(arrays.obs, arrays.action_mask, arrays.valid, arrays.state),
        *(arrays.actions, arrays.rewards),
    )


@bare
def join_actions(actions, seekers, hiders, first, t):
    """Puts both teams' actions of step t side by side."""
    num_seekers = seekers.shape[2]
    for n in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            for head in range(actions.shape[2]):
                if a < num_seekers:
                    actions[n, a, head] = seekers[t, first + n, a, head]
                else:
                    actions[n, a, head] = hiders[t, first + n, a - num_seekers, head]


def play_step(r, t):
    """Plays step t of a rollout; -1, or the flat index of an action out of range."""
    actions = r.scratch.actions
    join_actions(actions, r.seekers.actions, r.hiders.actions, r.first, t)
    first, end, s, h = r.first, r.first + actions.shape[0], r.seekers, r.hiders
    return step_worlds(
        *(r.world, r.objects, r.scratch, r.layouts, r.rules, r.pay, r.restart),
        TeamView(
            s.obs[t + 1][first:end],
            s.action_mask[t + 1][first:end],
            s.valid[t + 1][first:end],
            s.state[t + 1][first:end],
        ),
        TeamView(
            h.obs[t + 1][first:end],
            h.action_mask[t + 1][first:end],
            h.valid[t + 1][first:end],
            h.state[t + 1][first:end],
        ),
        *(s.rewards[t][first:end], h.rewards[t][first:end], r.dones[t][first:end], r.stats),
    )


@cache
def compiled_step(state_type: Any) -> Any:
    """`play_step` for a type of `Rollout`, compiled at the first call."""
    int64 = numba.types.int64
    return callback(play_step, (state_type, int64), int64, SOURCES, **OPTIONS, _nrt=False)
