"""The arrays a kernel reads and writes, grouped by who owns them. Letters: see the package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.hide_and_seek.spaces import NUM_HEADS, NUM_RAYS


class World(NamedTuple):
    """All that changes while playing; the future depends on nothing else."""

    pos: np.ndarray  # [N, A, 2] float32, meters, the arena's lower left corner is 0, 0
    vel: np.ndarray  # [N, A, 2] float32, meters per step, in the arena's frame
    heading: np.ndarray  # [N, A] int32, times 11.25 degrees from the x axis towards the y axis
    time: np.ndarray  # [N] int32, steps played in this episode
    prep_steps: np.ndarray  # [N] int32, of this episode: what the rules were when it began
    episode_steps: np.ndarray  # [N] int32, likewise
    layout: np.ndarray  # [N] int32
    stream: np.ndarray  # [N] uint64, the random stream
    sees: np.ndarray  # [N, A, A] bool, sees[n, i, j]: i sees j now
    credit: np.ndarray  # [N] float32, beta * potential paid out so far
    raw_return: np.ndarray  # [N] float32, what seekers got from hiders in this episode, unshaped
    shaping_return: np.ndarray  # [N] float32, the shaping part of it
    seen_steps: np.ndarray  # [N] int32, main-phase steps with a hider seen
    first_seen: np.ndarray  # [N] int32, main-phase steps before the first of them; -1 = none yet


class Layouts(NamedTuple):
    """The bank of arenas, read only."""

    walls: np.ndarray  # [L, 4, W] float32: center x, y, half width, half height; W in eights
    num_walls: np.ndarray  # [L] int32
    spawns: np.ndarray  # [L, 2, S, 2] float32: places for seekers, for hiders
    num_spawns: np.ndarray  # [L, 2] int32
    distances: np.ndarray  # [L, 576, 576] uint8 walking distance; [1, 1, 1] without shaping


class Rules(NamedTuple):
    """Numbers that hold for all worlds; the two lengths from a world's next episode on."""

    num_seekers: int
    prep_steps: int
    episode_steps: int
    cos_half_view: np.float32
    vision_range: np.float32
    lidar_range: np.float32
    beta: np.float32
    gamma: np.float32


class Pay(NamedTuple):
    """What the game pays, see the configuration.

    Not among the rules: what every kernel is given makes every kernel slower.
    """

    unseen: np.float32
    seen: np.float32
    early_catch: np.float32
    perfect_hide: np.float32
    moving: np.float32


class TeamView(NamedTuple):
    """One team's observation buffers (see `ObsBuffers`)."""

    obs: np.ndarray
    action_mask: np.ndarray
    valid: np.ndarray


def allocate_world(num_envs: int, num_agents: int) -> World:
    """Zeroed state arrays."""
    n, a = num_envs, num_agents
    return World(
        pos=np.zeros((n, a, 2), np.float32),
        vel=np.zeros((n, a, 2), np.float32),
        heading=np.zeros((n, a), np.int32),
        time=np.zeros(n, np.int32),
        prep_steps=np.zeros(n, np.int32),
        episode_steps=np.zeros(n, np.int32),
        layout=np.zeros(n, np.int32),
        stream=np.zeros(n, np.uint64),
        sees=np.zeros((n, a, a), np.bool_),
        credit=np.zeros(n, np.float32),
        raw_return=np.zeros(n, np.float32),
        shaping_return=np.zeros(n, np.float32),
        seen_steps=np.zeros(n, np.int32),
        first_seen=np.zeros(n, np.int32),
    )


class Scratch(NamedTuple):
    """Room that a step works in; worlds that are stepped at the same time need their own."""

    actions: np.ndarray  # [N, A, H] int64, those of both teams side by side
    rays: np.ndarray  # [64] float32
    before: np.ndarray  # [A, 2] float32
    between: np.ndarray  # [A, 2] float32


def allocate_scratch(num_envs: int, num_agents: int) -> Scratch:
    """Zeroed room."""
    return Scratch(
        actions=np.zeros((num_envs, num_agents, NUM_HEADS), np.int64),
        rays=np.zeros(2 * NUM_RAYS, np.float32),
        before=np.zeros((num_agents, 2), np.float32),
        between=np.zeros((num_agents, 2), np.float32),
    )
