"""Boxes and ramps once more, slow and plain, in float64: what the kernels are checked against.

Objects 0-3 are boxes, 4-5 ramps; `rects` maps those that are there to middle and half sides.
Written from the game's rules and the documentation of `spaces`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from tests.envs.reference import Wall, angle_of, in_cone, line_is_clear, to_frame

BOXES, RAMPS = range(4), (4, 5)
REACH, ABUT = 0.6, 0.2
NOBODY, SEEKERS, HIDERS = 0, 1, 2


@dataclass(frozen=True)
class Scene:
    """One world at one moment."""

    pos: np.ndarray  # [A, 2] float64
    heading: np.ndarray  # [A]
    num_seekers: int
    blind: int
    walls: list[Wall]
    rects: dict[int, Wall]
    lock_team: list[int]
    holding: list[int]
    climb: list[int]
    ramp_locks: bool = True
    view: float = 135.0
    reach: float = 17.0

    def solids(self, without: int = -1) -> list[Wall]:
        """What stops a line, one object left out."""
        return [*self.walls, *(self.rects[k] for k in BOXES if k in self.rects and k != without)]


def closest(rect: Wall, place: np.ndarray) -> np.ndarray:
    """The point of a rectangle that is nearest to a place."""
    cx, cy, hx, hy = rect
    return np.clip(place, [cx - hx, cy - hy], [cx + hx, cy + hy])


def gap(rect: Wall, place: np.ndarray) -> float:
    return float(np.linalg.norm(closest(rect, place) - place))


def shows(scene: Scene, a: int, k: int, point: np.ndarray) -> bool:
    """Whether agent a sees a point of object k."""
    eye = scene.pos[a]
    if a < scene.blind:
        return False
    at_eye = bool(np.all(point == eye))  # has no bearing: always in view
    if not at_eye and not in_cone(eye, scene.heading[a], point, scene.view, scene.reach):
        return False
    return line_is_clear(eye, point, scene.solids(without=k))


def seen(scene: Scene, a: int) -> set[int]:
    return {k for k, (x, y, _, _) in scene.rects.items() if shows(scene, a, k, np.array([x, y]))}


def near(scene: Scene, a: int) -> set[int]:
    if scene.climb[a] > 0:
        return set()
    eye = scene.pos[a]
    return {
        k
        for k, rect in scene.rects.items()
        if gap(rect, eye) <= REACH and shows(scene, a, k, closest(rect, eye))
    }


def nearest(scene: Scene, a: int, which: Collection[int]) -> int:
    return min(which, key=lambda k: (gap(scene.rects[k], scene.pos[a]), k), default=-1)


def is_free(scene: Scene, k: int) -> bool:
    return scene.lock_team[k] == NOBODY and k not in scene.holding


def grab_target(scene: Scene, a: int) -> int:
    if scene.holding[a] >= 0:
        return scene.holding[a]
    stood_on = {k for k in scene.rects if min(gap(scene.rects[k], p) for p in scene.pos) == 0.0}
    free = {k for k in near(scene, a) if is_free(scene, k)}
    return nearest(scene, a, free - (stood_on & {*RAMPS}))


def lock_target(scene: Scene, a: int) -> int:
    lockable = {*BOXES, *RAMPS} if scene.ramp_locks else {*BOXES}
    if scene.holding[a] in lockable:
        return scene.holding[a]
    return nearest(scene, a, {k for k in near(scene, a) & lockable if is_free(scene, k)})


def unlock_target(scene: Scene, a: int) -> int:
    team = SEEKERS if a < scene.num_seekers else HIDERS
    return nearest(scene, a, {k for k in near(scene, a) if scene.lock_team[k] == team})


def stands_at_obstacle(scene: Scene, k: int) -> bool:
    """Whether a ramp's rectangle, made larger by ABUT on each side, meets a solid."""
    x, y, half_x, half_y = scene.rects[k]
    return any(
        abs(x - cx) <= half_x + hx + ABUT and abs(y - cy) <= half_y + hy + ABUT
        for cx, cy, hx, hy in scene.solids()
    )


def slot(scene: Scene, a: int, k: int) -> list[float]:
    """The columns of object k in an observation that shows it to agent a."""
    rect, eye, facing = scene.rects[k], scene.pos[a], angle_of(scene.heading[a])
    dx, dy = np.array(rect[:2]) - eye
    bearing, distance = math.atan2(dy, dx) - facing, math.hypot(dx, dy)
    place = [1.0, math.cos(bearing), math.sin(bearing), distance / math.hypot(12.0, 12.0)]
    place.append(1.0 / (1.0 + gap(rect, eye)))
    held = 1.0 if scene.holding[a] == k else -1.0 if k in scene.holding else 0.0
    own = SEEKERS if a < scene.num_seekers else HIDERS
    lock = {NOBODY: 0.0, own: 1.0}.get(scene.lock_team[k], -1.0)
    if k in RAMPS:
        return [*place, held, lock, float(stands_at_obstacle(scene, k))]
    half_x, half_y = rect[2:]
    turn = 2.0 * ((0.0 if half_x > half_y else math.pi / 2.0) - facing)
    axis = [0.0, 0.0] if half_x == half_y else [math.cos(turn), math.sin(turn)]
    form = [max(half_x, half_y), min(half_x, half_y), *axis]
    return [*place, *form, held, lock, float(k in near(scene, a))]


def observe(scene: Scene, a: int, shown: Collection[int]) -> np.ndarray:
    """Columns 94 to 157 of an observation, the objects of `shown`."""
    boxes = [slot(scene, a, k) if k in shown else [0.0] * 12 for k in BOXES]
    ramps = [slot(scene, a, k) if k in shown else [0.0] * 8 for k in RAMPS]
    return np.concatenate([*boxes, *ramps])


def mask(scene: Scene, a: int) -> list[bool]:
    """What the heads grab and lock allow, five choices."""
    if a < scene.blind or scene.climb[a] > 0:
        return [True, False, True, False, False]
    targets = grab_target(scene, a), lock_target(scene, a), unlock_target(scene, a)
    hold, lock, unlock = (target >= 0 for target in targets)
    return [True, hold, True, lock, unlock]


def in_frame(scene: Scene, a: int, vector: np.ndarray) -> np.ndarray:
    return np.array(to_frame(vector, scene.heading[a]))


def state_of_agent(scene: Scene, a: int, other: int, vel: np.ndarray, sees: np.ndarray) -> list:
    """The slot of another agent in the state of agent a."""
    gap_to = scene.pos[other] - scene.pos[a]
    distance = float(np.linalg.norm(gap_to))
    turn = angle_of(scene.heading[other]) - angle_of(scene.heading[a])
    return [
        *(1.0, *in_frame(scene, a, gap_to) / distance),
        *(distance / math.hypot(12.0, 12.0), 1.0 / (1.0 + distance)),
        *(math.cos(turn), math.sin(turn), *in_frame(scene, a, vel[other] - vel[a]) / 0.5),
        *(float(sees[other, a]), float(sees[a, other])),
        *(float(scene.holding[other] >= 0), scene.climb[other] / 8.0),
    ]


def state_of_object(scene: Scene, a: int, k: int) -> list[float]:
    """The slot of a box or a ramp in the state of agent a."""
    holders = [b for b, held in enumerate(scene.holding) if held == k]
    own_team = holders and (holders[0] < scene.num_seekers) == (a < scene.num_seekers)
    held = 0.0 if not holders else 1.0 if own_team else -1.0
    return [*slot(scene, a, k), held, float(k in seen(scene, a))]


def state_of_door(scene: Scene, a: int, door: Wall) -> list[float]:
    """The slot of a door in the state of agent a; the share is counted in strips."""
    cx, cy, hx, hy = door
    along, across = (0, 1) if hx > hy else (1, 0)
    half, depth = door[2 + along], door[2 + across] + 0.5
    places = door[along] + np.linspace(-half, half, 2001)
    closed = np.zeros(2001, bool)
    for rect in (scene.rects[k] for k in BOXES if k in scene.rects):
        if abs(rect[across] - door[across]) < depth + rect[2 + across]:
            closed |= np.abs(places - rect[along]) < rect[2 + along]
    middle = np.array([cx, cy])
    relative = in_frame(scene, a, middle - scene.pos[a]) / math.hypot(12.0, 12.0)
    return [1.0, *relative, *((middle - 6.0) / 6.0), float(closed.mean())]


def state(
    scene: Scene, a: int, vel: np.ndarray, sees: np.ndarray, doors: list[Wall], was_seen: bool
) -> np.ndarray:
    """Columns 44 to 210 of the state of agent a."""
    row = np.zeros(211)
    count = scene.num_seekers
    mates = [b for b in range(len(scene.pos)) if b != a and (b < count) == (a < count)]
    foes = [b for b in range(len(scene.pos)) if (b < count) != (a < count)]
    for at, others in ((44, mates), (70, foes)):
        for k, other in enumerate(others):
            row[at + 13 * k :][:13] = state_of_agent(scene, a, other, vel, sees)
    for k in scene.rects:
        at, size = (109 + 14 * k, 14) if k in BOXES else (165 + 10 * (k - 4), 10)
        row[at:][:size] = state_of_object(scene, a, k)
    by_distance = sorted(doors, key=lambda d: np.linalg.norm(np.array(d[:2]) - scene.pos[a]))
    for k, door in enumerate(by_distance[:4]):
        row[185 + 6 * k :][:6] = state_of_door(scene, a, door)
    row[209:] = sees[:count, count:].any(), was_seen
    return row[44:]
