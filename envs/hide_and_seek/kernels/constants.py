"""Sizes of the world in meters and steps, as float32: a kernel computes in nothing wider."""

from __future__ import annotations

import numpy as np

F0 = np.float32(0.0)
F1 = np.float32(1.0)
HALF = np.float32(0.5)

ARENA = np.float32(12.0)  # the side of the square arena
DIAGONAL = np.float32(12.0 * 2**0.5)
RADIUS = np.float32(0.25)  # of an agent
WALL_HALF = np.float32(0.1)  # half a wall's thickness
DOOR_WIDTH = 1.0

BOX_HALF = np.float32(0.6)  # of a cube: wider than a door
PLANK_LONG, PLANK_SHORT = np.float32(1.0), np.float32(0.2)  # half sides
RAMP_HALF = np.float32(0.4)
NOWHERE = np.float32(-100.0)  # where no disc, line or ray comes: the middle of an absent object
REACH = np.float32(0.6)  # from an agent's middle to the nearest point of what it can grab or lock
GRIP = np.float32(0.9)  # the same for what it goes on holding
CARRY = np.float32(0.7)  # an agent that holds something has this share of its thrust
TURN_OF_PLANK = 8  # headings that a holder turns before its plank turns with it
CLIMB_STEPS = 8
ABUT = np.float32(0.2)  # a ramp this near to an obstacle can be climbed
NOBODY, SEEKERS, HIDERS = 0, 1, 2  # who has locked an object

KEEP = np.float32(0.6)  # v <- KEEP v + THRUST a
THRUST = np.float32(0.1)
TOP_SPEED = np.float32(0.25)
INV_SQRT2 = np.float32(0.5**0.5)
FAR = np.float32(1e9)  # stands in for infinity: unlike it, FAR * 0 is 0

NUM_HEADINGS = 32
HEADING_MASK = NUM_HEADINGS - 1

_ANGLES = np.arange(NUM_HEADINGS) * (2.0 * np.pi / NUM_HEADINGS)
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_DIRECTIONS[np.abs(_DIRECTIONS) < 1e-9] = 0.0
COS, SIN = _DIRECTIONS.astype(np.float32)
_SAFE = np.where(_DIRECTIONS == 0.0, 1.0, _DIRECTIONS)
INV_COS, INV_SIN = np.where(_DIRECTIONS == 0.0, FAR, 1.0 / _SAFE).astype(np.float32)

CELL = np.float32(0.25)  # the grid on which connectivity and walking distance are found
CELLS = 48
COARSE = 24  # walking distances are kept per 0.5 m cell
COARSE_CELL = np.float32(0.5)
DISTANCE_UNIT = np.float32(0.1)  # meters per count in a distance table
