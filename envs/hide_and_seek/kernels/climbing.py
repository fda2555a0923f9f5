"""Agents on a ramp walk over obstacles for some steps. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import CLIMB_STEPS, COS, F0, F1, NUM_HEADINGS, SIN
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.physics import (
    DIAMETER,
    HIGH,
    LOW,
    TOLERANCE,
    near_wall,
    overlap_depth,
)
from envs.hide_and_seek.kernels.presence import is_there
from envs.hide_and_seek.kernels.solids import abuts
from envs.hide_and_seek.kernels.targets import RAMP_BITS, held_bits, nearest_of
from envs.hide_and_seek.kernels.vision import line_is_clear
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS, STAGES

_HIDER_CROSSINGS = STAGES.index("hider_crossings")
_SEEKER_CROSSINGS = STAGES.index("seeker_crossings")
_RING = np.float32(0.1)
_RINGS = 24  # a quarter of the arena's side, and more than agents get away from a ramp
_EVERY_OTHER = 2  # of the headings: 16 directions


@inlined
def is_over(x, y, solids, num_solids):
    """Whether a disc at x, y overlaps some solid."""
    return (
        near_wall(x, y, solids, num_solids) and overlap_depth(x, y, solids, num_solids) > TOLERANCE
    )


@inlined
def leads_up(rects, holding, x, y, solids, num_solids):
    """Whether x, y is on a ramp of rects [6, 4] that stands at a solid and is held by nobody."""
    for ramp in range(BOX_SLOTS, NUM_OBJECTS):
        rect = rects[ramp]
        if abs(x - rect[0]) > rect[2] or abs(y - rect[1]) > rect[3]:
            continue
        if not held_bits(holding) & RAMP_BITS & 1 << ramp and abuts(rect, solids, num_solids):
            return True
    return False


@inlined
def has_place(pos, a, x, y, solids, num_solids):
    """Whether agent a could stand at x, y, clear of solids, border and the others of pos [A, 2]."""
    if x < LOW or x > HIGH or y < LOW or y > HIGH:
        return False
    for other in range(pos.shape[0]):
        dx, dy = pos[other, 0] - x, pos[other, 1] - y
        if other != a and dx * dx + dy * dy < DIAMETER * DIAMETER:
            return False
    return not near_wall(x, y, solids, num_solids) or overlap_depth(x, y, solids, num_solids) == F0


@bare
def land(pos, vel, a, solids, num_solids):
    """Puts agent a on the nearest place with room for it, at rest. Returns whether there is one."""
    for ring in range(1, _RINGS + 1):
        for k in range(0, NUM_HEADINGS, _EVERY_OTHER):
            x = pos[a, 0] + np.float32(ring) * _RING * COS[k]
            y = pos[a, 1] + np.float32(ring) * _RING * SIN[k]
            if has_place(pos, a, x, y, solids, num_solids):
                pos[a, 0], pos[a, 1] = x, y
                vel[a, 0], vel[a, 1] = F0, F0
                return True
    return False


@inlined
def is_across(rects, x, y, solids, num_solids):
    """Whether a solid lies between x, y and the nearest ramp of rects [6, 4], its middle."""
    ramp = nearest_of(RAMP_BITS, rects, x, y)
    return not line_is_clear(x, y, rects[ramp, 0], rects[ramp, 1], solids, num_solids)


@inlined
def come_down(world, objects, n, a, num_seekers, solids, num_solids):
    """Agent a is on the ground: a crossing, if that is behind an obstacle that it was over.

    A disc is over an obstacle at its very edge; who walks about on a ramp has crossed nothing.
    """
    objects.climb[n, a] = 0
    x, y, rects = world.pos[n, a, 0], world.pos[n, a, 1], objects.object_rect[n]
    if objects.crossed[n, a] and is_across(rects, x, y, solids, num_solids):
        column = _SEEKER_CROSSINGS if a < num_seekers else _HIDER_CROSSINGS
        objects.stage[n, column] += F1
    objects.crossed[n, a] = False


@bare
def climb(world, objects, n, num_seekers, walls, num_walls):
    """After the movement in world n: who is up, who has to come down, who has crossed.

    walls [4, W]: the `surroundings`. On a ramp that stands at an obstacle an agent is up for
    CLIMB_STEPS, which start anew as long as it is over no obstacle.
    """
    pos, rects, holding = world.pos[n], objects.object_rect[n], objects.holding[n]
    for a in range(pos.shape[0]):
        if not is_there(pos, a):
            continue  # nor are the ramps that lie where it does
        x, y, is_up = pos[a, 0], pos[a, 1], objects.climb[n, a] > 0
        if is_up and is_over(x, y, walls, num_walls):
            objects.crossed[n, a] = True
            objects.climb[n, a] -= 1
            if objects.climb[n, a] == 0:
                if land(pos, world.vel[n], a, walls, num_walls):
                    come_down(world, objects, n, a, num_seekers, walls, num_walls)
                else:
                    objects.climb[n, a] = 1
        elif leads_up(rects, holding, x, y, walls, num_walls):
            objects.climb[n, a] = CLIMB_STEPS
            objects.holding[n, a] = -1
        elif is_up:
            come_down(world, objects, n, a, num_seekers, walls, num_walls)
