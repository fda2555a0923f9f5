"""Worlds drawn at random, full of objects and agents, and what the reference makes of them."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.layouts import pack_walls, walls_of
from tests.envs import reference, reference_objects
from tests.envs.playing import Play, Rect, make_play, use_objects

CUBE, PLANK, RAMP = (0.6, 0.6), (1.0, 0.2), (0.4, 0.4)
WALLS: list[Rect] = [(3.0, 3.0, 0.1, 1.5), (9.0, 4.0, 1.0, 0.1), (6.0, 9.5, 0.8, 0.6)]
DOORS: list[Rect] = [
    *((3.0, 5.0, 0.1, 0.5), (7.5, 4.0, 0.5, 0.1), (3.0, 1.0, 0.1, 0.5)),
    *((4.7, 9.5, 0.5, 0.1), (9.0, 9.0, 0.5, 0.1)),
]
WORLDS = 60


def apart(rect: Rect, others: list[Rect]) -> bool:
    x, y, half_x, half_y = rect
    return all(
        max(abs(x - cx) - half_x - hx, abs(y - cy) - half_y - hy) > 0.01
        for cx, cy, hx, hy in others
    )


def draw_objects(rng: np.random.Generator) -> dict[int, Rect]:
    """Objects clear of the walls and of each other, some missing; close together."""
    rects: dict[int, Rect] = {}
    for k in range(6):
        half = RAMP if k >= 4 else PLANK if rng.random() < 0.5 else CUBE
        if half == PLANK and rng.random() < 0.5:
            half = (0.2, 1.0)
        for _ in range(40 if rng.random() < 0.9 else 0):
            x, y = rng.uniform(1.0, 8.0, 2).astype(np.float32)
            rect = (float(x), float(y), *half)
            if apart(rect, [*WALLS, *rects.values()]):
                rects[k] = rect
                break
    return rects


def draw_places(rng: np.random.Generator, rects: dict[int, Rect], count: int) -> list[np.ndarray]:
    """Places for discs, clear of walls and boxes, most of them close to some object."""
    solids = [*WALLS, *(rect for k, rect in rects.items() if k < 4)]
    places: list[np.ndarray] = []
    while len(places) < count:
        x, y, half_x, half_y = list(rects.values())[rng.integers(len(rects))]
        spot = (
            np.array([x, y])
            + rng.uniform(-0.8, 0.8, 2)
            + rng.choice([-1, 1], 2) * (np.array([half_x, half_y]) * rng.integers(0, 2, 2))
        )
        spot = np.clip(spot, 0.25, 11.75).astype(np.float32)
        if reference.depth(spot.astype(float), solids) == 0.0:
            places.append(spot)
    return places


def crowded_worlds(seed: int, *, ramp_locks: bool = True, seekers: int = 3) -> Play:
    """Worlds with many objects, some seekers and three hiders, in any state they can be in."""
    count = seekers + 3
    play = make_play(
        WORLDS, state=True, level="L3", num_layouts=1, num_seekers=seekers, num_hiders=3
    )
    play.reset(*range(WORLDS))
    env, rng = play.env, np.random.default_rng(seed)
    walls = pack_walls(np.array(WALLS, np.float32), len(WALLS))[None]
    env.layouts = env.layouts._replace(
        walls=walls,
        num_walls=np.array([len(WALLS)], np.int32),
        doors=np.array([DOORS], np.float32),
        num_doors=np.array([len(DOORS)], np.int32),
    )
    use_objects(play, ramp_locks=ramp_locks)
    env.world.time[:] = env.world.prep_steps - rng.integers(0, 2, WORLDS)
    env.world.first_seen[:] = rng.integers(-1, 1, WORLDS)
    env.world.heading[:] = rng.integers(0, 32, (WORLDS, count))
    for n in range(WORLDS):
        frozen = seekers if env.world.time[n] < env.world.prep_steps[n] else 0
        rects = draw_objects(rng)
        for k, rect in rects.items():
            env.objects.object_rect[n, k] = rect
        env.world.pos[n] = draw_places(rng, rects, count)
        env.world.vel[n] = rng.uniform(-0.17, 0.17, (count, 2))
        env.objects.lock_team[n] = rng.integers(0, 3, 6) * rng.integers(0, 2, 6)
        env.objects.climb[n] = rng.integers(1, 9, count) * (rng.random(count) < 0.2)
        for k in rects:
            a = rng.integers(frozen, 12)  # more than there are: some are held by nobody
            is_able = a < count and env.objects.climb[n, a] == 0 and env.objects.holding[n, a] < 0
            if is_able and env.objects.lock_team[n, k] == 0:
                env.objects.holding[n, a] = k
    env.observe(play.out)
    return play


def scene_of(play: Play, n: int) -> reference_objects.Scene:
    """World n as the reference takes it."""
    env = play.env
    present = [
        (k, rect.tolist()) for k, rect in enumerate(env.objects.object_rect[n]) if rect[2] > 0
    ]
    rects: dict[int, Rect] = {k: (x, y, half_x, half_y) for k, (x, y, half_x, half_y) in present}
    layout = env.world.layout[n]
    walls = walls_of(env.layouts, layout).astype(float).tolist()
    is_preparing = env.world.time[n] < env.world.prep_steps[n]
    return reference_objects.Scene(
        env.world.pos[n].astype(float),
        env.world.heading[n],
        env.config.num_seekers,
        env.config.num_seekers if is_preparing else 0,
        [(x, y, half_x, half_y) for x, y, half_x, half_y in walls],
        rects,
        env.objects.lock_team[n].tolist(),
        env.objects.holding[n].tolist(),
        env.objects.climb[n].tolist(),
        bool(env.rules.ramp_locks[env.layouts.level[layout]]),
    )


def bits(numbers: set[int]) -> int:
    return sum(1 << k for k in numbers)


def row_of(play: Play, n: int, a: int) -> tuple[np.ndarray, np.ndarray]:
    """The observation and the action mask of agent a of world n."""
    count = play.env.config.num_seekers
    team, k = ("seeker", a) if a < count else ("hider", a - count)
    return play.out[team].obs[n, k], play.out[team].action_mask[n, k]
