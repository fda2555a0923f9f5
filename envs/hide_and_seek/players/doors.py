"""A box and a door: whether the box blocks it, and where it would. One door at a time.

Along means in the direction of the door's wall, across at right angles to it.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import DOOR_WIDTH, RADIUS, WALL_HALF
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.players.maps import numbers

SHIFTS = 7  # places along the wall at which a box may lie: at the door's middle, then beside it
_SHIFT = 0.14  # meters between two of them: the farthest leaves no gap that lets an agent through
_HALF_DOOR = DOOR_WIDTH / 2
_WALL = float(WALL_HALF)
_OPEN = 2 * float(RADIUS) - 0.06  # a gap below which no agent comes through, with some reserve
_THROUGH = 0.15  # meters: the middle of an agent is as far beyond the wall


@kernel
def shift_of(k):
    """The k-th shift of a box along the wall from the door's middle, meters."""
    return (k + 1) // 2 * _SHIFT * (1 if k % 2 else -1)


@kernel
def lies(door, rect):
    """How a box lies to a door, both [4]: along, across, and its half sides along and across."""
    x, y, half_x, half_y = numbers(rect)
    if door[2] < door[3]:
        return y - door[1], x - door[0], half_y, half_x
    return x - door[0], y - door[1], half_x, half_y


@kernel
def gap_of(door, rect):
    """The gap between a box and the wall of a door, meters; 0 = none."""
    _, across, _, half_across = lies(door, rect)
    return max(abs(across) - half_across - _WALL, 0.0)


@kernel
def is_blocked(door, rect):
    """Whether no agent comes through a door because of a box that lies before or in it."""
    along, _, half_along, _ = lies(door, rect)
    gap = gap_of(door, rect)
    left = max(along - half_along + _HALF_DOOR, 0.0)
    right = max(_HALF_DOOR - along - half_along, 0.0)
    return max(left, right) ** 2 + gap * gap < _OPEN * _OPEN


@kernel
def place_before(door, side, half_along, half_across, shift, gap):
    """Where the middle of a box has to be that lies before a door, x, y.

    Args:
        side: of the door on which the box is to lie, +1 or -1 along its normal.
        shift: from the door's middle along the wall, meters.
        gap: to the wall, meters.
    """
    across = side * (_WALL + half_across + gap)
    if door[2] < door[3]:
        return door[0] + across, door[1] + shift
    return door[0] + shift, door[1] + across


@kernel
def is_inside(door, side, x, y):
    """Whether an agent at a point is through the door, on the side `side` of it."""
    across = x - door[0] if door[2] < door[3] else y - door[1]
    return side * across > _WALL + _THROUGH
