"""From where to go and where to look to the actions of a step. One agent at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    CARRY,
    COS,
    HEADING_MASK,
    INV_SQRT2,
    KEEP,
    NUM_HEADINGS,
    SIN,
    THRUST,
)
from envs.hide_and_seek.players.jit import kernel
from envs.hide_and_seek.spaces import FORWARD, STRAFE, TURN

FREELY, CARRYING = float(THRUST), float(THRUST * CARRY)  # m/step that an agent gains
_KEEP, _DIAGONAL = float(KEEP), float(INV_SQRT2)
_PER_BIN = 2.0 * np.pi / NUM_HEADINGS
_COAST = 1.0 / (1.0 - _KEEP)  # an agent that stops pushing still comes this many times v
_STRIDE = 0.6  # meters of coasting at nearly full speed: no need to aim farther
_FASTEST_TURN = 2
_QUARTER = NUM_HEADINGS // 8  # headings between two from which all pushes are the same


@kernel
def bin_of(dx, dy):
    """The heading nearest to a direction."""
    return int(np.round(np.arctan2(dy, dx) / _PER_BIN)) & HEADING_MASK


@kernel
def level_of(heading):
    """The nearest heading from which an agent can push exactly along the walls."""
    return (heading + _QUARTER // 2) // _QUARTER * _QUARTER


@kernel
def turn_to(action, heading, wanted):
    """Turns towards a heading as fast as it goes. Writes action [H]; returns the next heading."""
    half = NUM_HEADINGS // 2
    left = ((wanted - heading + half) & HEADING_MASK) - half
    turn = min(max(left, -_FASTEST_TURN), _FASTEST_TURN)
    action[TURN] = turn + 2
    return (heading + turn) & HEADING_MASK


@kernel
def push_to(action, by_x, by_y, vel_x, vel_y, heading, thrust):
    """Pushes so as to come to rest nearest to a goal, or one stride on the way there.

    Args:
        action: [H] int64; forward and strafe are written.
        by_x, by_y: from the agent to the goal, meters.
        heading: the agent's, after the turn of the action.
        thrust: FREELY or CARRYING.
    """
    far = np.sqrt(by_x * by_x + by_y * by_y)
    if far > _STRIDE:
        by_x, by_y = by_x * _STRIDE / far, by_y * _STRIDE / far
    cos, sin = np.float64(COS[heading]), np.float64(SIN[heading])
    least = 1e9
    for ahead in range(-1, 2):
        for left in range(-1, 2):
            push = thrust * (_DIAGONAL if ahead != 0 and left != 0 else 1.0)
            new_x = _KEEP * vel_x + push * (cos * ahead - sin * left)
            new_y = _KEEP * vel_y + push * (sin * ahead + cos * left)
            off_x, off_y = by_x - _COAST * new_x, by_y - _COAST * new_y
            off = off_x * off_x + off_y * off_y
            if off < least - 1e-9:
                least = off
                action[FORWARD], action[STRAFE] = ahead + 1, left + 1
