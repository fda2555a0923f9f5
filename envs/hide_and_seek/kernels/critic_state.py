"""The whole of a world as seen from each of its agents; the columns are those of `spaces`."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    CLIMB_STEPS,
    COS,
    DIAGONAL,
    F0,
    F1,
    FAR,
    HALF,
    RADIUS,
    SIN,
)
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.object_slots import write_box, write_ramp
from envs.hide_and_seek.kernels.observations import write_other
from envs.hide_and_seek.kernels.presence import is_there
from envs.hide_and_seek.kernels.rewards import any_hider_seen
from envs.hide_and_seek.kernels.targets import held_bits, locker
from envs.hide_and_seek.spaces import (
    AGENT_SIZE,
    AGENTS_AT,
    BOX_SIZE,
    BOX_SLOTS,
    DOOR_SIZE,
    DOOR_SLOTS,
    DOORS_AT,
    GAME_AT,
    MATE_SLOTS,
    NUM_OBJECTS,
    RAMP_SIZE,
    STATE_AGENT_SIZE,
    STATE_BOX_SIZE,
    STATE_BOXES_AT,
    STATE_RAMP_SIZE,
    STATE_RAMPS_AT,
    STATE_SIZE,
)

MOST_DOORS = 32  # of a layout
_MIDDLE = np.float32(ARENA * HALF)
_PER_DIAGONAL = F1 / DIAGONAL


@inlined
def write_agents(row, world, objects, n, a, first, end):
    """Fills the slots of agents in row [S]: mates are the indices first to end."""
    pos, vel, heading, sees = world.pos[n], world.vel[n], world.heading[n], world.sees[n]
    mate_at, opponent_at = AGENTS_AT, AGENTS_AT + MATE_SLOTS * STATE_AGENT_SIZE
    for other in range(pos.shape[0]):
        if other == a:
            continue
        if first <= other < end:
            at = mate_at
            mate_at += STATE_AGENT_SIZE
        else:
            at = opponent_at
            opponent_at += STATE_AGENT_SIZE
        if not is_there(pos, other):
            continue
        write_other(row, at, pos, vel, heading, a, other, sees[other, a])
        row[at + AGENT_SIZE] = F1 if sees[a, other] else F0
        row[at + AGENT_SIZE + 1] = F1 if objects.holding[n, other] >= 0 else F0
        row[at + AGENT_SIZE + 2] = np.float32(objects.climb[n, other]) / np.float32(CLIMB_STEPS)


@inlined
def write_all_objects(row, world, objects, n, a, first, end, num_seekers, climbable):
    """Fills the slots of boxes and ramps in row [S]; see `write_agents`, `ramps_at_solids`."""
    held, own_team = held_bits(objects.holding[n]), locker(a, num_seekers)
    held_by_own = held_bits(objects.holding[n, first:end])
    for k in range(NUM_OBJECTS):
        if objects.object_rect[n, k, 2] == F0:
            continue
        if k < BOX_SLOTS:
            at = STATE_BOXES_AT + k * STATE_BOX_SIZE
            write_box(row, at, world, objects, n, a, k, held, own_team)
            at += BOX_SIZE
        else:
            at = STATE_RAMPS_AT + (k - BOX_SLOTS) * STATE_RAMP_SIZE
            write_ramp(row, at, world, objects, n, a, k, held, own_team, climbable)
            at += RAMP_SIZE
        row[at] = F1 if held_by_own >> k & 1 else -F1 if held >> k & 1 else F0
        row[at + 1] = F1 if objects.sees_objects[n, a] >> k & 1 else F0


@inlined
def share_closed(door, rects):
    """The share of the width of door [4] that has a box of rects [6, 4] in it or close to it.

    Close is less than an agent's diameter away, measured across the wall.
    """
    along = 0 if door[2] > door[3] else 1
    across = 1 - along
    start, end = door[along] - door[2 + along], door[along] + door[2 + along]
    at, closed = start, F0
    for _ in range(BOX_SLOTS):  # the next box along the door, once all up to `at` is known
        first, last = end, end
        for box in range(BOX_SLOTS):
            gap = abs(rects[box, across] - door[across]) - rects[box, 2 + across]
            if gap - door[2 + across] >= RADIUS + RADIUS:
                continue
            low = max(rects[box, along] - rects[box, 2 + along], at)
            high = min(rects[box, along] + rects[box, 2 + along], end)
            if low < high and low < first:
                first, last = low, high
        if first >= end:
            break
        closed += last - first
        at = last
    return closed / (end - start)


@bare
def close_doors(doors, num_doors, rects, has_objects, closed):
    """Fills closed [64] with `share_closed` of the first of doors [D, 4], D at most 32."""
    for k in range(num_doors):
        closed[k] = share_closed(doors[k], rects) if has_objects else F0


@inlined
def write_doors(row, world, n, a, doors, num_doors, closed):
    """Fills the slots of doors in row [S] with the nearest of doors [D, 4].

    closed: [64], see `close_doors`; the upper half is scratch.
    """
    x, y, heading = world.pos[n, a, 0], world.pos[n, a, 1], world.heading[n, a]
    cos, sin = COS[heading], SIN[heading]
    gaps = closed[MOST_DOORS:]
    for k in range(num_doors):
        dx, dy = doors[k, 0] - x, doors[k, 1] - y
        gaps[k] = dx * dx + dy * dy
    for slot in range(min(num_doors, DOOR_SLOTS)):
        nearest = 0
        for k in range(num_doors):
            if gaps[k] < gaps[nearest]:
                nearest = k
        gaps[nearest] = FAR
        at = DOORS_AT + slot * DOOR_SIZE
        dx, dy = doors[nearest, 0] - x, doors[nearest, 1] - y
        row[at] = F1
        row[at + 1] = (dx * cos + dy * sin) * _PER_DIAGONAL
        row[at + 2] = (dy * cos - dx * sin) * _PER_DIAGONAL
        row[at + 3] = doors[nearest, 0] / _MIDDLE - F1
        row[at + 4] = doors[nearest, 1] / _MIDDLE - F1
        row[at + 5] = closed[nearest]


@bare
def write_states(states, observations, world, objects, n, layouts, rules, first, climbable, closed):
    """Fills the states of a team's agents in world n.

    Args:
        states: [A, S], of the team's A agents.
        observations: [A, D], theirs; already written.
        first: the first of them among the world's agents.
        climbable: see `ramps_at_solids`.
        closed: [64], see `close_doors`.
    """
    end, layout = first + states.shape[0], world.layout[n]
    is_seen = any_hider_seen(world.sees[n], rules.num_seekers)
    for a in range(first, end):
        row, observation = states[a - first], observations[a - first]
        for column in range(AGENTS_AT):
            row[column] = observation[column]
        for column in range(AGENTS_AT, STATE_SIZE):
            row[column] = F0
        if not is_there(world.pos[n], a):
            continue
        write_agents(row, world, objects, n, a, first, end)
        if rules.has_objects:
            write_all_objects(
                *(row, world, objects, n, a, first, end, rules.num_seekers, climbable)
            )
        write_doors(row, world, n, a, layouts.doors[layout], layouts.num_doors[layout], closed)
        row[GAME_AT] = F1 if is_seen else F0
        row[GAME_AT + 1] = F1 if world.first_seen[n] >= 0 else F0
