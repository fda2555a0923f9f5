"""The arrays a kernel reads and writes, grouped by who owns them. Letters: see the package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.kernels.constants import NOWHERE
from envs.hide_and_seek.kernels.lanes import LANES
from envs.hide_and_seek.spaces import NUM_HEADS, NUM_OBJECTS, NUM_RAYS, STAGES


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
    credit: np.ndarray  # [N] float32, the weighted potentials paid out so far
    raw_return: np.ndarray  # [N] float32, what seekers got from hiders in this episode, unshaped
    shaping_return: np.ndarray  # [N] float32, the shaping part of it
    seen_steps: np.ndarray  # [N] int32, main-phase steps with a hider seen
    first_seen: np.ndarray  # [N] int32, main-phase steps before the first of them; -1 = none yet


class Objects(NamedTuple):
    """Boxes and ramps and what agents do with them: also part of a world's state.

    Apart from `World`, because levels without objects are played without it. Objects 0-3 are
    boxes, 4-5 ramps; an absent one has no size and lies at NOWHERE.
    """

    object_rect: np.ndarray  # [N, 6, 4] float32, middle x, y, half width, half height, meters
    lock_team: np.ndarray  # [N, 6] int32, who has locked it: NOBODY, SEEKERS, HIDERS
    holding: np.ndarray  # [N, A] int32, the object in hand, -1 = none
    grip: np.ndarray  # [N, A] int32, the holder's heading when it grabbed or last turned it
    climb: np.ndarray  # [N, A] int32, steps it may stay up, 0 = on the ground
    crossed: np.ndarray  # [N, A] bool, has been over an obstacle since it left the ground
    near: np.ndarray  # [N, A] int32, a bit for each object in reach now
    sees_objects: np.ndarray  # [N, A] int32, a bit for each object seen now
    stage: np.ndarray  # [N, 14] float32, the `STAGES` of this episode so far


class Layouts(NamedTuple):
    """The bank of arenas of one or several levels, read only. K levels, one after the other."""

    walls: np.ndarray  # [L, 4, W] float32: center x, y, half width, half height; W in eights
    num_walls: np.ndarray  # [L] int32
    spawns: np.ndarray  # [L, 2, S, 2] float32: places for seekers, for hiders
    num_spawns: np.ndarray  # [L, 2] int32
    distances: np.ndarray  # [L, 576, 576] uint8 walking distance; [1, 1, 1] without shaping
    level: np.ndarray  # [L] int32, which of the K levels
    object_half: np.ndarray  # [L, 6, 2] float32, half sides of the objects; 0, 0 = absent
    object_places: np.ndarray  # [L, 6, P, 2] float32, where each may start, clear of walls
    num_object_places: np.ndarray  # [L, 6] int32
    doors: np.ndarray  # [L, D, 4] float32, the openings as rectangles like walls
    num_doors: np.ndarray  # [L] int32


class Rules(NamedTuple):
    """What holds for all worlds; what is said of levels from a world's next episode on."""

    num_seekers: int
    min_seekers: int  # so many at least take part in an episode
    min_hiders: int
    has_objects: bool  # whether any level has boxes or ramps
    prep_steps: np.ndarray  # [K] int32, by level
    episode_steps: np.ndarray  # [K] int32
    ramp_locks: np.ndarray  # [K] bool, whether ramps can be locked
    level_first: np.ndarray  # [K + 1] int32, the layouts of level k are those from first[k] on
    level_share: np.ndarray  # [K] float32, an episode is of level k or before with share[k]
    cos_half_view: np.float32
    vision_range: np.float32
    lidar_range: np.float32
    beta: np.float32  # weight of the distance shaping
    cover: np.float32  # weight of the cover shaping
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
    state: np.ndarray  # [N, A, S]; S = 0 where no critic wants it


def view_of(buffers: ObsBuffers) -> TeamView:
    """A team's buffers as kernels take them."""
    state = buffers.state
    if state is None:
        state = np.zeros((*buffers.valid.shape, 0), np.float32)
    return TeamView(buffers.obs, buffers.action_mask, buffers.valid, state)


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


def allocate_objects(num_envs: int, num_agents: int) -> Objects:
    """State arrays of worlds without any object."""
    n, a = num_envs, num_agents
    rect = np.zeros((n, NUM_OBJECTS, 4), np.float32)
    rect[..., :2] = NOWHERE
    return Objects(
        object_rect=rect,
        lock_team=np.zeros((n, NUM_OBJECTS), np.int32),
        holding=np.full((n, a), -1, np.int32),
        grip=np.zeros((n, a), np.int32),
        climb=np.zeros((n, a), np.int32),
        crossed=np.zeros((n, a), np.bool_),
        near=np.zeros((n, a), np.int32),
        sees_objects=np.zeros((n, a), np.int32),
        stage=np.zeros((n, len(STAGES)), np.float32),
    )


class Passages(NamedTuple):
    """Room in which is found where discs get to, see `kernels/separation.py`."""

    rects: np.ndarray  # [4, M] float32: walls, boxes, border
    parts: np.ndarray  # [4, M] float32: what of them is near a door
    order: np.ndarray  # [M] int64
    met: np.ndarray  # [M] int64
    places: np.ndarray  # [A, 2] float32
    apart: np.ndarray  # [A] int64


class Scratch(NamedTuple):
    """Room that a step works in; worlds that are stepped at the same time need their own."""

    actions: np.ndarray  # [N, A, H] int64, those of both teams side by side
    rays: np.ndarray  # [64] float32
    before: np.ndarray  # [A, 2] float32
    between: np.ndarray  # [A, 2] float32
    fixed: np.ndarray  # [A] bool, agents that cannot be pushed in this step
    solids: np.ndarray  # [4, W + 4 rounded up] float32, the walls of a world, then its boxes
    passages: Passages


def allocate_passages(num_solids: int, num_points: int) -> Passages:
    """Zeroed room for walls and boxes, and for agents or other points."""
    num_rects = num_solids + 4 + 2  # with the border, and the wall on both sides of a door
    return Passages(
        rects=np.zeros((4, num_rects), np.float32),
        parts=np.zeros((4, num_rects), np.float32),
        order=np.zeros(num_rects, np.int64),
        met=np.zeros(num_rects, np.int64),
        places=np.zeros((num_points, 2), np.float32),
        apart=np.zeros(num_points, np.int64),
    )


def allocate_scratch(num_envs: int, num_agents: int, most_walls: int) -> Scratch:
    """Zeroed room; `most_walls` is the W of the layouts."""
    return Scratch(
        actions=np.zeros((num_envs, num_agents, NUM_HEADS), np.int64),
        rays=np.zeros(2 * NUM_RAYS, np.float32),
        before=np.zeros((num_agents, 2), np.float32),
        between=np.zeros((num_agents, 2), np.float32),
        fixed=np.zeros(num_agents, np.bool_),
        solids=np.zeros((4, most_walls + LANES), np.float32),
        passages=allocate_passages(most_walls + LANES, num_agents),
    )
