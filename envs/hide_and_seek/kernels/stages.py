"""Doors that are blocked, shelters that are sealed. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import COS, F0, F1, HALF, SIN
from envs.hide_and_seek.kernels.jit import bare
from envs.hide_and_seek.kernels.physics import HIGH, LOW, overlap_depth
from envs.hide_and_seek.kernels.presence import team_ends
from envs.hide_and_seek.kernels.separation import (
    BORDERS,
    SLACK,
    add_borders,
    are_joined,
    find_apart,
)
from envs.hide_and_seek.spaces import BOX_SLOTS, STAGES

_BLOCKED = STAGES.index("door_blocked")
_SEALED = STAGES.index("sealed")
_SEALED_AT_END = STAGES.index("sealed_at_end")

# Only what is within this many meters of a door's middle, along x and along y, blocks it: a cube
# that leaves no gap in front of it is, the opposite wall of the smallest room is not.
DOOR_ZONE = np.float32(1.5)

_RING = np.float32(0.1)
_RINGS = 30  # more than from the middle of any solid to ground beside it


@bare
def find_ground(x, y, solids, num_solids, place):
    """Puts into place [2] the clear place nearest to x, y, to 0.1 m: for those who are up."""
    place[0], place[1] = x, y
    for ring in range(_RINGS):
        for direction in range(0, COS.shape[0], 2):
            new_x = x + np.float32(ring) * _RING * COS[direction]
            new_y = y + np.float32(ring) * _RING * SIN[direction]
            inside = LOW <= new_x <= HIGH and LOW <= new_y <= HIGH
            if inside and overlap_depth(new_x, new_y, solids, num_solids) < SLACK:
                place[0], place[1] = new_x, new_y
                return


@bare
def enclose(solids, num_solids, rects):
    """Copies the first num_solids of solids [4, S] into rects [4, M], the border behind them."""
    for k in range(4):
        for solid in range(num_solids):
            rects[k, solid] = solids[k, solid]
    add_borders(rects, num_solids)


@bare
def is_sealed(pos, climb, num_seekers, solids, num_solids, passages):
    """Whether no way leads from any seeker to any hider for a disc.

    Args:
        pos: [A, 2] float32; climb: [A] int32, who is up counts from the nearest ground.
        solids: [4, S] float32, the first num_solids of them: walls, then boxes.
        passages: scratch, `enclose`d.
    """
    places, apart = passages.places, passages.apart
    end_seekers, end_hiders = team_ends(pos, num_seekers)
    for a in range(end_hiders):
        places[a, 0], places[a, 1] = pos[a, 0], pos[a, 1]
        if climb[a] > 0:
            find_ground(pos[a, 0], pos[a, 1], solids, num_solids, places[a])
    find_apart(
        *(passages.rects, num_solids + BORDERS, places, end_hiders, end_seekers),
        *(passages.order, passages.met, apart),
    )
    hiders = (1 << end_hiders) - (1 << num_seekers)
    within_reach = 0
    for a in range(end_seekers):
        within_reach |= hiders & ~apart[a]
    return within_reach == 0


@bare
def add_part(rects, rect, x, y, parts, count):
    """Puts what a rectangle of rects [4, M] has within DOOR_ZONE of x, y behind `count` parts.

    parts [4, M]; returns their new number.
    """
    low_x = max(rects[0, rect] - rects[2, rect], x - DOOR_ZONE)
    high_x = min(rects[0, rect] + rects[2, rect], x + DOOR_ZONE)
    low_y = max(rects[1, rect] - rects[3, rect], y - DOOR_ZONE)
    high_y = min(rects[1, rect] + rects[3, rect], y + DOOR_ZONE)
    if low_x >= high_x or low_y >= high_y:
        return count
    parts[0, count], parts[2, count] = HALF * (low_x + high_x), HALF * (high_x - low_x)
    parts[1, count], parts[3, count] = HALF * (low_y + high_y), HALF * (high_y - low_y)
    return count + 1


@bare
def add_door_frame(door, parts):
    """Puts the wall on both sides of a door [4] into parts [4, M], as if it never ended."""
    along = 0 if door[2] > door[3] else 1  # the axis along which the wall runs
    across = 1 - along
    half = HALF * (DOOR_ZONE - door[2 + along])
    for side in range(2):
        away = door[2 + along] + half
        parts[along, side] = door[along] + (away if side == 1 else -away)
        parts[across, side] = door[across]
        parts[2 + along, side], parts[2 + across, side] = half, door[2 + across]


@bare
def is_blocked(door, num_walls, passages):
    """Whether boxes keep every disc from going through a door.

    They do if a chain of boxes and walls without a gap for a disc leads from the wall on one side
    of the opening to the wall on its other side, all of it within DOOR_ZONE.

    Args:
        door: [4] float32, the opening.
        num_walls: of the layout.
        passages: scratch, `enclose`d: walls, boxes, border.
    """
    rects, parts = passages.rects, passages.parts
    add_door_frame(door, parts)
    end = num_walls + BOX_SLOTS
    count = 2
    for box in range(num_walls, end):
        count = add_part(rects, box, door[0], door[1], parts, count)
    if count == 2:
        return False
    for wall in range(num_walls):
        count = add_part(rects, wall, door[0], door[1], parts, count)
    for border in range(end, end + BORDERS):
        count = add_part(rects, border, door[0], door[1], parts, count)
    return are_joined(parts, count, passages.order)


@bare
def note_stage(world, objects, n, rules, layouts, ended, solids, num_solids, passages):
    """Fills what `STAGES` counts at the end of the preparation, or of the episode.

    Args:
        solids: [4, S] float32, the first num_solids of them: the walls of world n and its boxes.
        passages: scratch.
    """
    enclose(solids, num_solids, passages.rects)
    sealed = is_sealed(
        *(world.pos[n], objects.climb[n], rules.num_seekers, solids, num_solids, passages)
    )
    objects.stage[n, _SEALED_AT_END if ended else _SEALED] = F1 if sealed else F0
    if ended:
        return
    layout = world.layout[n]
    num_doors = layouts.num_doors[layout]
    blocked = 0
    for door in range(num_doors):
        if is_blocked(layouts.doors[layout, door], layouts.num_walls[layout], passages):
            blocked += 1
    if num_doors > 0:
        objects.stage[n, _BLOCKED] = np.float32(blocked) / np.float32(num_doors)
