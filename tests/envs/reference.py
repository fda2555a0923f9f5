"""The game's rules once more, slow and plain, in float64: what the kernels are checked against.

Written from the rules, not from the kernels: closest points instead of axis gaps, crossing
diagonals instead of slabs, angles instead of direction tables.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

SIDE, RADIUS, HEADINGS = 12.0, 0.25, 32
Wall = tuple[float, float, float, float]


def angle_of(heading: int) -> float:
    return 2.0 * math.pi * heading / HEADINGS


def stop(vel: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return vel - min(0.0, float(vel @ normal)) * normal


def push_out(pos: np.ndarray, vel: np.ndarray, walls: list[Wall]) -> tuple[np.ndarray, np.ndarray]:
    """Pushes a disc out of the walls, one after the other, then back into the arena."""
    for cx, cy, hx, hy in walls:
        closest = np.clip(pos, [cx - hx, cy - hy], [cx + hx, cy + hy])
        distance = float(np.linalg.norm(pos - closest))
        if distance >= RADIUS:
            continue
        if distance > 0.0:
            normal = (pos - closest) / distance
            pos = closest + normal * RADIUS
        else:
            exits = {
                (1.0, 0.0): cx + hx - pos[0],
                (-1.0, 0.0): pos[0] - (cx - hx),
                (0.0, 1.0): cy + hy - pos[1],
                (0.0, -1.0): pos[1] - (cy - hy),
            }
            nearest = min(exits, key=lambda key: exits[key])
            normal = np.array(nearest)
            pos = pos + normal * (exits[nearest] + RADIUS)
        vel = stop(vel, normal)
    inside = np.clip(pos, RADIUS, SIDE - RADIUS)
    vel = np.where(inside == pos, vel, 0.0)
    return inside, vel


def depth(pos: np.ndarray, walls: list[Wall]) -> float:
    """How far a disc reaches into its worst wall."""
    depths = [0.0]
    for cx, cy, hx, hy in walls:
        closest = np.clip(pos, [cx - hx, cy - hy], [cx + hx, cy + hy])
        distance = float(np.linalg.norm(pos - closest))
        if distance > 0.0:
            depths.append(RADIUS - distance)
        else:
            to_face = min(hx - abs(pos[0] - cx), hy - abs(pos[1] - cy))
            depths.append(RADIUS + to_face)
    return max(depths)


def thrust(vel: np.ndarray, heading: int, forward: int, strafe: int) -> np.ndarray:
    command = np.array([forward - 1.0, strafe - 1.0])
    if np.linalg.norm(command) > 1.0:
        command /= np.linalg.norm(command)
    angle = angle_of(heading)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return 0.6 * vel + 0.1 * rotation @ command


def separate(pos: list[np.ndarray], vel: list[np.ndarray], fixed: Collection[int]) -> None:
    for i in range(len(pos)):
        for j in range(i + 1, len(pos)):
            if i in fixed and j in fixed:
                continue
            gap = pos[j] - pos[i]
            distance = float(np.linalg.norm(gap))
            if distance >= 2 * RADIUS:
                continue
            normal = gap / distance if distance > 1e-6 else np.array([1.0, 0.0])
            overlap = 2 * RADIUS - distance
            share = 0.0 if i in fixed else 1.0 if j in fixed else 0.5
            pos[i] = pos[i] - share * overlap * normal
            pos[j] = pos[j] + (1.0 - share) * overlap * normal
            vel[i], vel[j] = stop(vel[i], -normal), stop(vel[j], normal)


def move(
    pos: np.ndarray,
    vel: np.ndarray,
    heading: np.ndarray,
    actions: np.ndarray,
    fixed: Collection[int],
    walls: list[Wall],
    up: Collection[int] = (),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of movement; returns positions, velocities and headings.

    Those of `fixed` stand like rocks; those who are `up` are stopped by the border only.
    """
    places, speeds = [p.astype(float) for p in pos], [v.astype(float) for v in vel]
    turned = heading.copy()
    before = [p.copy() for p in places]
    moving = [a for a in range(len(places)) if a not in fixed]
    walls_of = [[] if a in up else walls for a in range(len(places))]
    for a in moving:
        turned[a] = (heading[a] + actions[a, 2] - 2) % HEADINGS
        speeds[a] = thrust(speeds[a], turned[a], actions[a, 0], actions[a, 1])
        places[a], speeds[a] = push_out(places[a] + speeds[a], speeds[a], walls_of[a])
    own = [p.copy() for p in places]
    for _ in range(2):
        separate(places, speeds, fixed)
        for a in moving:
            shove = places[a] - own[a]
            length = float(np.linalg.norm(shove))
            if length > 0.2:
                places[a] = own[a] + shove * (0.2 / length)
            places[a], speeds[a] = push_out(places[a], speeds[a], walls_of[a])
    for a in moving:
        if depth(places[a], walls_of[a]) > 1e-3:
            places[a], speeds[a] = before[a], np.zeros(2)
    return np.array(places), np.array(speeds), turned


def _cross(o: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    return float((a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]))


def segments_cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    return _cross(a, b, c) * _cross(a, b, d) < 0.0 and _cross(c, d, a) * _cross(c, d, b) < 0.0


def line_is_clear(p: np.ndarray, q: np.ndarray, walls: list[Wall]) -> bool:
    """A line goes through a rectangle exactly when it crosses one of its diagonals.

    One that an end lies in does not count: who is there stands above it.
    """
    for cx, cy, hx, hy in walls:
        center, half = np.array([cx, cy]), np.array([hx, hy])
        if any(np.all(np.abs(end - center) < half) for end in (p, q)):
            continue
        flipped = half * np.array([1.0, -1.0])
        for diagonal in (half, flipped):
            if segments_cross(p, q, center - diagonal, center + diagonal):
                return False
    return True


def in_cone(eye: np.ndarray, heading: int, target: np.ndarray, view: float, reach: float) -> bool:
    dx, dy = target - eye
    off = math.atan2(dy, dx) - angle_of(heading)
    off = (off + math.pi) % (2.0 * math.pi) - math.pi
    return math.hypot(dx, dy) <= reach and abs(off) <= math.radians(view) / 2.0


def sight(
    pos: np.ndarray, heading: np.ndarray, blind: int, view: float, reach: float, walls: list[Wall]
) -> np.ndarray:
    """Who sees whom, [A, A] bool."""
    count = len(pos)
    sees = np.zeros((count, count), bool)
    for i in range(blind, count):
        for j in range(count):
            sees[i, j] = (
                i != j
                and in_cone(pos[i], heading[i], pos[j], view, reach)
                and line_is_clear(pos[i], pos[j], walls)
            )
    return sees


def ray(eye: np.ndarray, angle: float, reach: float, walls: list[Wall]) -> float:
    """Distance along an angle to the first edge of a wall or the border, at most `reach`."""
    x, y = float(eye[0]), float(eye[1])
    dx, dy = math.cos(angle), math.sin(angle)
    hits = [reach]
    for cx, cy, hx, hy in [*walls, (SIDE / 2, SIDE / 2, SIDE / 2, SIDE / 2)]:
        if abs(dx) > 1e-12:
            for edge in (cx - hx, cx + hx):
                t = (edge - x) / dx
                if t >= 0.0 and abs(y + t * dy - cy) <= hy + 1e-9:
                    hits.append(t)
        if abs(dy) > 1e-12:
            for edge in (cy - hy, cy + hy):
                t = (edge - y) / dy
                if t >= 0.0 and abs(x + t * dx - cx) <= hx + 1e-9:
                    hits.append(t)
    return min(hits)


def to_frame(vector: np.ndarray, heading: int) -> tuple[float, float]:
    """A vector of the arena's frame as (ahead, left) of an agent."""
    angle = angle_of(heading)
    ahead = vector[0] * math.cos(angle) + vector[1] * math.sin(angle)
    left = -vector[0] * math.sin(angle) + vector[1] * math.cos(angle)
    return ahead, left


def observe(
    a: int,
    pos: np.ndarray,
    vel: np.ndarray,
    heading: np.ndarray,
    sees: np.ndarray,
    num_seekers: int,
    walls: list[Wall],
    time: int,
    prep: int,
    total: int,
    lidar_range: float,
) -> np.ndarray:
    """The 158 columns of agent a, written from the documentation of `spaces`."""
    row = np.zeros(158)
    seeker = a < num_seekers
    angle = angle_of(heading[a])
    row[0:2] = (pos[a] - 6.0) / 6.0
    row[2:4] = math.cos(angle), math.sin(angle)
    row[4:6] = np.array(to_frame(vel[a], heading[a])) / 0.25
    row[6] = 1.0 if seeker else -1.0
    row[7] = time < prep
    row[8] = max(prep - time, 0) / prep if prep else 0.0
    row[9] = (total - time) / total
    for k in range(32):
        ahead = angle + k * math.radians(11.25)
        row[12 + k] = ray(pos[a], ahead, lidar_range, walls) / lidar_range
    agents = list(range(len(pos)))
    mates = [b for b in agents if (b < num_seekers) == seeker and b != a]
    foes = [b for b in agents if (b < num_seekers) != seeker]
    slots = {b: 44 + 10 * k for k, b in enumerate(mates)}
    slots |= {b: 64 + 10 * k for k, b in enumerate(foes)}
    for b, at in slots.items():
        if not sees[a, b]:
            continue
        gap = pos[b] - pos[a]
        distance = float(np.linalg.norm(gap))
        bearing = math.atan2(gap[1], gap[0]) - angle
        turn = angle_of(heading[b]) - angle
        row[at] = 1.0
        row[at + 1 : at + 3] = math.cos(bearing), math.sin(bearing)
        row[at + 3] = distance / (12.0 * math.sqrt(2.0))
        row[at + 4] = 1.0 / (1.0 + distance)
        row[at + 5 : at + 7] = math.cos(turn), math.sin(turn)
        row[at + 7 : at + 9] = np.array(to_frame(vel[b] - vel[a], heading[a])) / 0.5
        row[at + 9] = sees[b, a]
    return row


def rewards(
    seen: list[bool],
    moved: list[list[float]],
    num_seekers: int,
    prep: int,
    *,
    unseen_step: float = 1.0,
    seen_step: float = 1.0,
    early_catch: float = 0.0,
    perfect_hide: float = 0.0,
    moving: float = 0.0,
) -> np.ndarray:
    """What each agent gets in each step of an episode, [T, A], seekers first.

    `seen` and `moved` say after each step whether a hider is seen and how far each agent came.
    """
    found = np.zeros((len(seen), len(moved[0])))
    seeking = len(seen) - prep
    sights = [t for t in range(prep, len(seen)) if seen[t]]
    for t in range(prep, len(seen)):
        seekers = seen_step if seen[t] else -unseen_step
        if sights and t == sights[0]:
            seekers += early_catch * (len(seen) - t) / seeking
        if not sights and t == len(seen) - 1:
            seekers -= perfect_hide
        found[t, :num_seekers] += seekers
        found[t, num_seekers:] -= seekers
    return found + moving * np.array(moved)
