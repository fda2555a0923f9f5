"""Movement: thrust, discs against rectangles, discs against discs. One world at a time.

A step is at most 0.25 m, so a disc that touched a wall ends at most on the wall's face: pushing
out along the shallow side is always right and no disc can tunnel.
"""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    COS,
    F0,
    F1,
    HALF,
    HEADING_MASK,
    INV_SQRT2,
    KEEP,
    RADIUS,
    SIN,
    THRUST,
)
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.lanes import LANES, any_lane, larger, load
from envs.hide_and_seek.spaces import FORWARD, STRAFE, TURN

TOLERANCE = np.float32(1e-3)  # what is no deeper in a wall counts as clear of it
_TINY = np.float32(1e-6)
# A disc shoved by others keeps this far from jumping a wall's middle (0.35 m from a touching disc).
_MAX_SHOVE = np.float32(0.2)
LOW = RADIUS  # the first and the last coordinate of a disc in the arena
HIGH = np.float32(ARENA - RADIUS)
DIAMETER = np.float32(2 * RADIUS)
_ROUNDS = 2


@inlined
def stop_motion(vel, a, normal_x, normal_y):
    """Takes from vel[a] the part that runs against a surface's outward normal, nothing more.

    No contact ever adds speed: an agent that is shoved is moved, not thrown.
    """
    inward = vel[a, 0] * normal_x + vel[a, 1] * normal_y
    if inward < F0:
        vel[a, 0] -= inward * normal_x
        vel[a, 1] -= inward * normal_y


@inlined
def near_wall(x, y, walls, num_walls):
    """Whether a disc at x, y may touch some wall: its bounding square does."""
    for first in range(0, num_walls, LANES):
        wall_x, wall_y = load(walls[0], first), load(walls[1], first)
        gap_x = larger(x - wall_x, wall_x - x) - load(walls[2], first)
        gap_y = larger(y - wall_y, wall_y - y) - load(walls[3], first)
        if any_lane((gap_x < RADIUS) & (gap_y < RADIUS)):
            return True
    return False


@bare
def leave_walls(pos, vel, a, walls, num_walls):
    """Moves disc a out of every wall; stops its motion into them. See `push_out`."""
    touched = False
    x, y = pos[a, 0], pos[a, 1]
    for w in range(num_walls):
        dx, dy = x - walls[0, w], y - walls[1, w]
        side_x = F1 if dx >= F0 else -F1
        side_y = F1 if dy >= F0 else -F1
        gap_x, gap_y = dx * side_x - walls[2, w], dy * side_y - walls[3, w]
        if gap_x >= RADIUS or gap_y >= RADIUS:
            continue
        if gap_x > F0 and gap_y > F0:  # beyond a corner
            distance = np.sqrt(gap_x * gap_x + gap_y * gap_y)
            if distance >= RADIUS:
                continue
            normal_x, normal_y = side_x * gap_x / distance, side_y * gap_y / distance
            depth = RADIUS - distance
        elif gap_x > gap_y:
            normal_x, normal_y, depth = side_x, F0, RADIUS - gap_x
        else:
            normal_x, normal_y, depth = F0, side_y, RADIUS - gap_y
        touched = True
        x += normal_x * depth
        y += normal_y * depth
        stop_motion(vel, a, normal_x, normal_y)
    pos[a, 0], pos[a, 1] = x, y
    return touched


@inlined
def push_out(pos, vel, a, is_up, walls, num_walls):
    """Moves disc a out of every wall and of the border; stops its motion into them.

    pos, vel [A, 2] float32 in place; walls [4, W]; only the border stops one that is up on a ramp.
    Returns whether a wall has something to do with it: one pushed it, or the border pushed it
    where a wall is near, perhaps into that.
    """
    touched = False
    if not is_up and near_wall(pos[a, 0], pos[a, 1], walls, num_walls):
        touched = leave_walls(pos, vel, a, walls, num_walls)
    x, y = pos[a, 0], pos[a, 1]
    if x < LOW or x > HIGH:
        x = LOW if x < LOW else HIGH
        vel[a, 0] = F0
    if y < LOW or y > HIGH:
        y = LOW if y < LOW else HIGH
        vel[a, 1] = F0
    if x != pos[a, 0] or y != pos[a, 1]:
        pos[a, 0], pos[a, 1] = x, y
        touched |= not is_up and near_wall(x, y, walls, num_walls)
    return touched


@bare
def overlap_depth(x, y, walls, num_walls):
    """How deep a disc at x, y is inside its worst wall, meters; 0 = clear."""
    worst = F0
    for w in range(num_walls):
        gap_x = abs(x - walls[0, w]) - walls[2, w]
        gap_y = abs(y - walls[1, w]) - walls[3, w]
        if gap_x > F0 and gap_y > F0:
            depth = RADIUS - np.sqrt(gap_x * gap_x + gap_y * gap_y)
        else:
            depth = RADIUS - (gap_x if gap_x > gap_y else gap_y)
        worst = depth if depth > worst else worst
    return worst


@bare
def separate(pos, vel, fixed):
    """Pushes overlapping discs apart, half each; those of fixed [A] stand like rocks.

    Returns whether any two overlapped.
    """
    touched = False
    num_agents = pos.shape[0]
    for i in range(num_agents):
        for j in range(i + 1, num_agents):
            if fixed[i] and fixed[j]:
                continue
            dx, dy = pos[j, 0] - pos[i, 0], pos[j, 1] - pos[i, 1]
            squared = dx * dx + dy * dy
            if squared >= DIAMETER * DIAMETER:
                continue
            touched = True
            distance = np.sqrt(squared)
            if distance < _TINY:
                normal_x, normal_y = F1, F0
            else:
                normal_x, normal_y = dx / distance, dy / distance
            share_i = F0 if fixed[i] else F1 if fixed[j] else HALF
            share_j = F1 - share_i
            depth = DIAMETER - distance
            pos[i, 0] -= share_i * depth * normal_x
            pos[i, 1] -= share_i * depth * normal_y
            pos[j, 0] += share_j * depth * normal_x
            pos[j, 1] += share_j * depth * normal_y
            stop_motion(vel, i, -normal_x, -normal_y)
            stop_motion(vel, j, normal_x, normal_y)
    return touched


@inlined
def accelerate(vel, heading, a, action, force):
    """Turns disc a, then changes its speed as the action [H] int64 says; it does not move yet."""
    heading[a] = (heading[a] + action[TURN] - 2) & HEADING_MASK
    ahead = np.float32(action[FORWARD] - 1)
    left = np.float32(action[STRAFE] - 1)
    if ahead != F0 and left != F0:  # a diagonal is no faster
        ahead *= INV_SQRT2
        left *= INV_SQRT2
    cos, sin = COS[heading[a]], SIN[heading[a]]
    vel[a, 0] = KEEP * vel[a, 0] + force * (cos * ahead - sin * left)
    vel[a, 1] = KEEP * vel[a, 1] + force * (sin * ahead + cos * left)


@inlined
def limit_shove(pos, between, a):
    """Keeps disc a within _MAX_SHOVE of where its own motion brought it, between [A, 2]."""
    dx, dy = pos[a, 0] - between[a, 0], pos[a, 1] - between[a, 1]
    distance = np.sqrt(dx * dx + dy * dy)
    if distance > _MAX_SHOVE:
        pos[a, 0] = between[a, 0] + dx * (_MAX_SHOVE / distance)
        pos[a, 1] = between[a, 1] + dy * (_MAX_SHOVE / distance)


@bare
def move_agents(pos, vel, heading, actions, fixed, climb, walls, num_walls, before, between):
    """Plays one step of movement in one world.

    Args:
        pos, vel: [A, 2] float32, heading: [A] int32, all in place.
        actions: [A, H] int64 within their ranges.
        fixed: [A] bool, the agents that do not move here and cannot be pushed: frozen, or moved
            already with what they hold.
        climb: [A] int32, above 0: walks over walls.
        walls: [4, W] float32, the first num_walls of them.
        before, between: [A, 2] float32 scratch.
    """
    num_agents = pos.shape[0]
    touched = False
    for a in range(num_agents):
        if fixed[a]:
            continue
        before[a, 0], before[a, 1] = pos[a, 0], pos[a, 1]
        accelerate(vel, heading, a, actions[a], THRUST)
        pos[a, 0] += vel[a, 0]
        pos[a, 1] += vel[a, 1]
        touched |= push_out(pos, vel, a, climb[a] > 0, walls, num_walls)
        between[a, 0], between[a, 1] = pos[a, 0], pos[a, 1]
    for _ in range(_ROUNDS):
        touched |= separate(pos, vel, fixed)
        if not touched:
            return  # the usual case: nobody met anything
        for a in range(num_agents):
            if fixed[a]:
                continue
            limit_shove(pos, between, a)
            push_out(pos, vel, a, climb[a] > 0, walls, num_walls)
    for a in range(num_agents):
        if fixed[a] or climb[a] > 0 or not near_wall(pos[a, 0], pos[a, 1], walls, num_walls):
            continue
        if overlap_depth(pos[a, 0], pos[a, 1], walls, num_walls) > TOLERANCE:
            pos[a, 0], pos[a, 1] = before[a, 0], before[a, 1]  # wedged: where it stood was clear
            vel[a, 0], vel[a, 1] = F0, F0
