"""What an agent perceives of boxes and ramps, and what it may do with them. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    CLIMB_STEPS,
    COS,
    DIAGONAL,
    F0,
    F1,
    HEADING_MASK,
    NOBODY,
    NUM_HEADINGS,
    SIN,
)
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.solids import abuts
from envs.hide_and_seek.kernels.targets import gap_squared, held_bits, locker, useful_bits
from envs.hide_and_seek.spaces import (
    BOX_SIZE,
    BOX_SLOTS,
    BOXES_AT,
    CLIMBS_AT,
    GRAB,
    HEAD_AT,
    HOLDS_AT,
    LOCK,
    NUM_OBJECTS,
    RAMP_SIZE,
    RAMPS_AT,
)

_HOLD_AT = HEAD_AT[GRAB] + 1
_LOCK_AT, _UNLOCK_AT = HEAD_AT[LOCK] + 1, HEAD_AT[LOCK] + 2
_QUARTER = NUM_HEADINGS // 4


@inlined
def ramps_at_solids(rects, walls, num_walls):
    """The ramps of rects [6, 4], as bits, from which one can climb."""
    bits = 0
    for k in range(BOX_SLOTS, NUM_OBJECTS):
        if rects[k, 2] > F0 and abuts(rects[k], walls, num_walls):
            bits |= 1 << k
    return bits


@inlined
def write_place(row, at, rect, x, y, cos, sin):
    """Fills the first five columns of a slot: that object rect [4] is there, and where.

    Args:
        x, y: where the observing agent stands.
        cos, sin: of its heading.
    """
    dx, dy = rect[0] - x, rect[1] - y
    distance = np.sqrt(dx * dx + dy * dy)
    scale = F1 / distance if distance > F0 else F0
    row[at] = F1
    row[at + 1] = (dx * cos + dy * sin) * scale
    row[at + 2] = (dy * cos - dx * sin) * scale
    row[at + 3] = distance / DIAGONAL
    row[at + 4] = F1 / (F1 + np.sqrt(gap_squared(rect, x, y)))


@inlined
def write_form(row, at, rect, heading):
    """Fills four columns from `at` on: half the sides of box rect [4] and how it lies."""
    along_x = rect[2] > rect[3]
    row[at] = rect[2] if along_x else rect[3]
    row[at + 1] = rect[3] if along_x else rect[2]
    # The length of a box has no front and back: with the angle doubled, they are one.
    twice = 2 * ((0 if along_x else _QUARTER) - heading) & HEADING_MASK
    has_length = rect[2] != rect[3]
    row[at + 2] = COS[twice] if has_length else F0
    row[at + 3] = SIN[twice] if has_length else F0


@inlined
def write_use(row, at, objects, n, a, k, held, own_team):
    """Fills two columns from `at` on: who holds object k and who has locked it.

    held: the bits of what is held by anybody; own_team: agent a's, SEEKERS or HIDERS.
    """
    team = objects.lock_team[n, k]
    row[at] = F0 if held >> k & 1 == 0 else F1 if objects.holding[n, a] == k else -F1
    row[at + 1] = F0 if team == NOBODY else F1 if team == own_team else -F1


@inlined
def write_box(row, at, world, objects, n, a, k, held, own_team):
    """Fills the slot from `at` on with box k as agent a sees it.

    held, own_team: see `write_use`.
    """
    heading, rect = world.heading[n, a], objects.object_rect[n, k]
    x, y = world.pos[n, a, 0], world.pos[n, a, 1]
    write_place(row, at, rect, x, y, COS[heading], SIN[heading])
    write_form(row, at + 5, rect, heading)
    write_use(row, at + 9, objects, n, a, k, held, own_team)
    row[at + 11] = F1 if objects.near[n, a] >> k & 1 else F0


@inlined
def write_ramp(row, at, world, objects, n, a, k, held, own_team, climbable):
    """The same for ramp k. climbable: see `ramps_at_solids`."""
    heading, rect = world.heading[n, a], objects.object_rect[n, k]
    x, y = world.pos[n, a, 0], world.pos[n, a, 1]
    write_place(row, at, rect, x, y, COS[heading], SIN[heading])
    write_use(row, at + 5, objects, n, a, k, held, own_team)
    row[at + 7] = F1 if climbable >> k & 1 else F0


@inlined
def write_objects(row, world, objects, n, a, num_seekers, climbable):
    """Fills the slots of the objects that agent a sees and what it does itself.

    Args:
        row: an observation whose slots are clear.
        climbable: see `ramps_at_solids`.
    """
    row[HOLDS_AT] = F1 if objects.holding[n, a] >= 0 else F0
    row[CLIMBS_AT] = np.float32(objects.climb[n, a]) / np.float32(CLIMB_STEPS)
    seen = objects.sees_objects[n, a]
    if seen == 0:
        return
    held, own_team = held_bits(objects.holding[n]), locker(a, num_seekers)
    for k in range(BOX_SLOTS):
        if seen >> k & 1:
            at = BOXES_AT + k * BOX_SIZE
            write_box(row, at, world, objects, n, a, k, held, own_team)
    for k in range(BOX_SLOTS, NUM_OBJECTS):
        if seen >> k & 1:
            at = RAMPS_AT + (k - BOX_SLOTS) * RAMP_SIZE
            write_ramp(row, at, world, objects, n, a, k, held, own_team, climbable)


@inlined
def allow_handling(mask, world, objects, n, a, num_seekers, ramp_locks):
    """Allows in mask [L] the choices of grab and lock that would do something."""
    useful = useful_bits(world, objects, n, a, num_seekers, ramp_locks)
    mask[_HOLD_AT] = useful & 1 != 0
    mask[_LOCK_AT] = useful & 2 != 0
    mask[_UNLOCK_AT] = useful & 4 != 0
