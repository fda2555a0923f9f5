"""What a scripted player remembers between steps, and the room it thinks in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.hide_and_seek.kernels.lanes import LANES
from envs.hide_and_seek.players.maps import BUCKETS, CELLS
from envs.hide_and_seek.setting_types import MAX_TEAM
from envs.hide_and_seek.spaces import BOX_SLOTS

MOST_ROOMS = 8


class Memory(NamedTuple):
    """By world, forgotten when its next episode starts, but for what is in KEPT. D doors.

    What is given to a function that deals with one world is a row of each array.
    """

    stream: np.ndarray  # [N, 1] uint64, the player's own random stream
    goal: np.ndarray  # [N, A] int64, the cell an agent is on its way to, -1 = none
    known: np.ndarray  # [N, A] bool, whether it knows of a place where an opponent was
    place: np.ndarray  # [N, A, 2] float64, that place, meters
    target: np.ndarray  # [N, A] int64, the object that it is about to grab, -1 = none
    side: np.ndarray  # [N, A] int64, from which side
    refused: np.ndarray  # [N, A] int64, a bit for each object and side that it has tried in vain
    stuck: np.ndarray  # [N, A] int64, steps for which it has not got on
    planned: np.ndarray  # [N, 1] bool, whether there is a plan of the doors
    refuge: np.ndarray  # [N, 1] int64, a cell of the shelter, -1 = there is no shelter
    door_box: np.ndarray  # [N, D] int64, the box for each door of the shelter, -1 = none
    door_hider: np.ndarray  # [N, D] int64, the agent who brings it, -1 = no door of the shelter
    door_side: np.ndarray  # [N, D] int64, where the shelter is, +1 or -1 along the door's normal
    inside: np.ndarray  # [N, CELLS] uint8, the map of the shelter with its doors shut
    door_shift: np.ndarray  # [N, D] float64, meters of the box from the door's middle, see `doors`
    looked: np.ndarray  # [N, 2] uint64, the random stream and the layout of the last episode
    found: np.ndarray  # [N, A] int64, the cell to lie low at there; it may be played once more


KEPT = ("looked", "found")
"""What of a `Memory` is not forgotten."""


class Scene(NamedTuple):
    """One world as it is now, and scratch; shared by all who have to think about it."""

    end_seekers: int  # agents 0 to this one are the seekers who take part
    first_hider: int  # and from this one
    end_hiders: int  # to this one the hiders
    num_walls: int
    num_solids: int  # the walls, then the boxes
    prep_left: int  # steps
    pos: np.ndarray  # [A, 2] float32, meters; these up to climb are rows of the world's arrays
    vel: np.ndarray  # [A, 2] float32
    heading: np.ndarray  # [A] int32
    sees: np.ndarray  # [A, A] bool
    rects: np.ndarray  # [6, 4] float32
    locks: np.ndarray  # [6] int32
    holding: np.ndarray  # [A] int32
    near: np.ndarray  # [A] int32
    climb: np.ndarray  # [A] int32
    solids: np.ndarray  # [4, S] float32, walls and boxes
    free: np.ndarray  # [CELLS] uint8, where an agent fits
    costs: np.ndarray  # [CELLS] int32, walks from the agent
    opponents: np.ndarray  # [CELLS] int32, walks from the opponents
    pair: np.ndarray  # [2 * CELLS] uint8, where an agent fits together with what it holds
    pair_costs: np.ndarray  # [2 * CELLS] int32, their ways
    starts: np.ndarray  # [MAX_TEAM] int64
    goals: np.ndarray  # [MAX_TEAM] int64
    queue: np.ndarray  # [BUCKETS, 2 * CELLS] int32
    filled: np.ndarray  # [BUCKETS] int64
    path: np.ndarray  # [2 * CELLS] int64


class Maps(NamedTuple):
    """The scratch of a `Scene`, by the same names."""

    solids: np.ndarray
    free: np.ndarray
    costs: np.ndarray
    opponents: np.ndarray
    pair: np.ndarray
    pair_costs: np.ndarray
    starts: np.ndarray
    goals: np.ndarray
    queue: np.ndarray
    filled: np.ndarray
    path: np.ndarray


class Plan(NamedTuple):
    """Scratch for the choice of a shelter."""

    closed: np.ndarray  # [CELLS] uint8, where an agent fits if all doors are shut
    rooms: np.ndarray  # [CELLS] int64, the number of the room, -1 = not in any
    ways: np.ndarray  # [MOST_ROOMS] float64, steps until the last hider is in a room
    load: np.ndarray  # [A] float64, steps that a hider will be at work
    at: np.ndarray  # [A, 2] float64, where it is then
    open: np.ndarray  # [4] int64, the doors to shut
    extra: np.ndarray  # [4] float64, by box, see `sealing.extra_steps`
    placed: np.ndarray  # [4, 4] float64, boxes as they will lie
    sides: np.ndarray  # [D] int64, of a room's doors, see `rooms.side_of`
    boxes: np.ndarray  # [D] int64, their boxes
    hiders: np.ndarray  # [D] int64, and who brings them


def allocate_memory(num_envs: int, num_agents: int, most_doors: int) -> Memory:
    """That of a player who knows nothing yet; `most_doors` is the D of the layouts."""
    n, a, d = num_envs, num_agents, most_doors
    return Memory(
        stream=np.zeros((n, 1), np.uint64),
        goal=np.full((n, a), -1),
        known=np.zeros((n, a), np.bool_),
        place=np.zeros((n, a, 2)),
        target=np.full((n, a), -1),
        side=np.full((n, a), -1),
        refused=np.zeros((n, a), np.int64),
        stuck=np.zeros((n, a), np.int64),
        planned=np.zeros((n, 1), np.bool_),
        refuge=np.full((n, 1), -1),
        door_box=np.full((n, d), -1),
        door_hider=np.full((n, d), -1),
        door_side=np.zeros((n, d), np.int64),
        inside=np.zeros((n, CELLS), np.uint8),
        door_shift=np.zeros((n, d)),
        looked=np.zeros((n, 2), np.uint64),
        found=np.full((n, a), -1),
    )


def allocate_maps(most_walls: int) -> Maps:
    """Zeroed room; `most_walls` is the W of the layouts."""
    return Maps(
        solids=np.zeros((4, most_walls + LANES), np.float32),
        free=np.zeros(CELLS, np.uint8),
        costs=np.zeros(CELLS, np.int32),
        opponents=np.zeros(CELLS, np.int32),
        pair=np.zeros(2 * CELLS, np.uint8),
        pair_costs=np.zeros(2 * CELLS, np.int32),
        starts=np.zeros(MAX_TEAM, np.int64),
        goals=np.zeros(MAX_TEAM, np.int64),
        queue=np.zeros((BUCKETS, 2 * CELLS), np.int32),
        filled=np.zeros(BUCKETS, np.int64),
        path=np.zeros(2 * CELLS, np.int64),
    )


def allocate_plan(most_doors: int) -> Plan:
    """Zeroed room; `most_doors` is the D of the layouts."""
    return Plan(
        closed=np.zeros(CELLS, np.uint8),
        rooms=np.zeros(CELLS, np.int64),
        ways=np.zeros(MOST_ROOMS),
        load=np.zeros(2 * MAX_TEAM),
        at=np.zeros((2 * MAX_TEAM, 2)),
        open=np.zeros(BOX_SLOTS, np.int64),
        extra=np.zeros(BOX_SLOTS),
        placed=np.zeros((BOX_SLOTS, 4)),
        sides=np.zeros(most_doors, np.int64),
        boxes=np.zeros(most_doors, np.int64),
        hiders=np.zeros(most_doors, np.int64),
    )
