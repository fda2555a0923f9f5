"""Grabbing, carrying, locking and climbing once more, slow and plain, in float64.

Written from the game's rules: a list of ways to try, rectangles that overlap or not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.envs.reference import HEADINGS, RADIUS, SIDE, Wall, angle_of, depth, move, thrust
from tests.envs.reference import line_is_clear as is_clear
from tests.envs.reference_objects import (
    BOXES,
    HIDERS,
    NOBODY,
    RAMPS,
    SEEKERS,
    Scene,
    closest,
    gap,
    grab_target,
    lock_target,
    mask,
    nearest,
    stands_at_obstacle,
    unlock_target,
)

GRIP, CLIMB_STEPS = 0.9, 8
SLACK, ROUNDING, CLEAR = 5e-4, 1e-5, 1e-3  # disc at object, object at object, disc at solid


@dataclass
class Moment:
    """One world between two steps; `play` moves it on."""

    scene: Scene  # its arrays and lists change in place
    vel: np.ndarray  # [A, 2] float64
    grip: list[int]
    crossed: list[bool]
    time: int
    is_preparing: bool
    counts: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def order(self) -> Iterator[int]:
        agents = len(self.scene.pos)
        return ((k + self.time) % agents for k in range(agents))

    def label(self, a: int, what: str) -> str:
        """The name of the statistic that counts what agent a does now."""
        team = "seeker" if a < self.scene.num_seekers else "hider"
        return f"{team}_{what}_{'prep' if self.is_preparing else 'main'}"


def play(moment: Moment, actions: np.ndarray) -> None:
    """One step; actions [A, 5]."""
    scene = moment.scene
    moment.vel[: scene.blind] = 0.0
    handle(moment, actions)
    holders = [a for a in range(len(scene.pos)) if scene.holding[a] >= 0]
    for a in moment.order:
        if a in holders:
            carry(moment, a, actions[a])
    up = [a for a in range(len(scene.pos)) if scene.climb[a] > 0]
    fixed = {*range(scene.blind), *holders}
    pos, vel, heading = move(
        scene.pos, moment.vel, scene.heading, actions, fixed, scene.solids(), up
    )
    scene.pos[:], moment.vel[:], scene.heading[:] = pos, vel, heading
    for a in range(len(scene.pos)):
        climb(moment, a)


def handle(moment: Moment, actions: np.ndarray) -> None:
    scene = moment.scene
    allowed = [mask(scene, a) for a in range(len(scene.pos))]
    for a in moment.order:
        if a < scene.blind or scene.climb[a] > 0:
            scene.holding[a] = -1
            continue
        grab, lock = (
            int(choice) if may[choice] else 0
            for choice, may in zip(actions[a, 3:], (allowed[a][:2], allowed[a][2:]), strict=True)
        )
        if lock == 1 and (target := lock_target(scene, a)) >= 0:
            scene.lock_team[target] = SEEKERS if a < scene.num_seekers else HIDERS
            moment.counts[moment.label(a, "locks")] += 1.0
            if scene.holding[a] == target:
                scene.holding[a] = -1
        if lock == 2 and (target := unlock_target(scene, a)) >= 0:
            scene.lock_team[target] = NOBODY
        if grab == 0:
            scene.holding[a] = -1
        elif scene.holding[a] < 0:
            scene.holding[a] = grab_target(scene, a)
            moment.grip[a] = scene.heading[a]


def apart(one: Wall, other: Wall) -> float:
    """How far two rectangles are apart in x or in y, whichever is more."""
    return max(
        abs(one[0] - other[0]) - one[2] - other[2], abs(one[1] - other[1]) - one[3] - other[3]
    )


def disc_fits(scene: Scene, a: int, place: np.ndarray) -> bool:
    if min(place) < RADIUS or max(place) > SIDE - RADIUS:
        return False
    solids = scene.solids(without=scene.holding[a])
    if depth(place, solids) > max(SLACK, depth(scene.pos[a], solids)):
        return False
    for b, other in enumerate(scene.pos):
        now, then = np.linalg.norm(other - scene.pos[a]), np.linalg.norm(other - place)
        if b != a and then < 2 * RADIUS - SLACK and then < now:
            return False
    return True


def object_fits(scene: Scene, a: int, place: np.ndarray, rect: Wall) -> bool:
    held = scene.holding[a]
    x, y, half_x, half_y = rect
    if min(x - half_x, y - half_y) < -ROUNDING or max(x + half_x, y + half_y) > SIDE + ROUNDING:
        return False
    others = [*scene.walls, *(other for k, other in scene.rects.items() if k != held)]
    if any(apart(rect, other) < min(apart(scene.rects[held], other), ROUNDING) for other in others):
        return False
    for b, now in enumerate(scene.pos):
        if b == a and held in RAMPS:
            continue
        then = gap(rect, place if b == a else now)
        may_leave = held in BOXES and scene.climb[b] == 0
        if then < RADIUS - SLACK and not (may_leave and then >= gap(scene.rects[held], now)):
            return False
    return True


def carry(moment: Moment, a: int, action: np.ndarray) -> None:
    scene, held = moment.scene, moment.scene.holding[a]
    scene.heading[a] = (scene.heading[a] + action[2] - 2) % HEADINGS
    vel = 0.6 * moment.vel[a] + 0.7 * thrust(np.zeros(2), scene.heading[a], action[0], action[1])
    moment.vel[a] = 0.0
    x, y, half_x, half_y = scene.rects[held]
    ways = [np.array(way) for way in (vel, (vel[0], 0.0), (0.0, vel[1]))]
    for way in (share * way for way in ways for share in (1.0, 0.5, 0.25)):
        place, rect = scene.pos[a] + way, (x + way[0], y + way[1], half_x, half_y)
        if disc_fits(scene, a, place) and object_fits(scene, a, place, rect):
            moment.vel[a], scene.pos[a], scene.rects[held] = way, place, rect
            what = "box" if held in BOXES else "ramp"
            moment.counts[moment.label(a, what)] += float(np.linalg.norm(way))
            break
    turn_plank(moment, a, held)
    rect, eye = scene.rects[held], scene.pos[a]
    solids = scene.solids(without=held)
    if gap(rect, eye) > GRIP or not is_clear(eye, closest(rect, eye), solids):
        scene.holding[a] = -1


def turn_plank(moment: Moment, a: int, held: int) -> None:
    scene = moment.scene
    x, y, half_x, half_y = scene.rects[held]
    turned = angle_of(scene.heading[a]) - angle_of(moment.grip[a])
    if half_x == half_y or math.cos(turned) > math.cos(math.radians(90.0)) + 1e-6:
        return
    eye = scene.pos[a]
    sides = {"west": x - half_x - eye[0], "east": eye[0] - x - half_x}
    sides |= {"south": y - half_y - eye[1], "north": eye[1] - y - half_y}
    side = max(sides, key=lambda name: sides[name])
    rect = {
        "west": (x - half_x + half_y, y, half_y, half_x),
        "east": (x + half_x - half_y, y, half_y, half_x),
        "south": (x, y - half_y + half_x, half_y, half_x),
        "north": (x, y + half_y - half_x, half_y, half_x),
    }[side]
    if object_fits(scene, a, eye, rect):
        scene.rects[held] = rect
        moment.grip[a] = scene.heading[a]


def is_on_way_up(scene: Scene, a: int) -> bool:
    return any(
        k in scene.rects
        and k not in scene.holding
        and gap(scene.rects[k], scene.pos[a]) == 0.0
        and stands_at_obstacle(scene, k)
        for k in RAMPS
    )


def climb(moment: Moment, a: int) -> None:
    scene = moment.scene
    if scene.climb[a] == 0:
        if is_on_way_up(scene, a):
            scene.climb[a], moment.crossed[a], scene.holding[a] = CLIMB_STEPS, False, -1
        return
    if depth(scene.pos[a], scene.solids()) <= CLEAR:
        if is_on_way_up(scene, a):
            scene.climb[a] = CLIMB_STEPS
        else:
            come_down(moment, a)
        return
    moment.crossed[a] = True
    scene.climb[a] -= 1
    if scene.climb[a] > 0:
        return
    place = landing(scene, a)
    if place is None:
        scene.climb[a] = 1
    else:
        scene.pos[a], moment.vel[a] = place, 0.0
        come_down(moment, a)


def come_down(moment: Moment, a: int) -> None:
    scene = moment.scene
    if moment.crossed[a]:
        ramp = nearest(scene, a, scene.rects.keys() & {*RAMPS})
        middle = np.array(scene.rects[ramp][:2])
        if not is_clear(scene.pos[a], middle, scene.solids()):
            team = "seeker" if a < scene.num_seekers else "hider"
            moment.counts[f"{team}_crossings"] += 1.0
    scene.climb[a], moment.crossed[a] = 0, False


def landing(scene: Scene, a: int) -> np.ndarray | None:
    """The first clear place on rings 0.1 m apart, each from the east on to the left."""
    for ring in range(1, 25):
        for k in range(16):
            angle = 2.0 * math.pi * k / 16
            place = scene.pos[a] + 0.1 * ring * np.array([math.cos(angle), math.sin(angle)])
            apart = [np.linalg.norm(p - place) for b, p in enumerate(scene.pos) if b != a]
            is_inside = min(place) >= RADIUS and max(place) <= SIDE - RADIUS
            if is_inside and min(apart) >= 2 * RADIUS and depth(place, scene.solids()) == 0.0:
                return place
    return None
