"""Agents of tests that look for trouble: each drive gives the actions of all worlds, [N, A, 5]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS
from tests.envs.object_invariants import gaps
from tests.envs.playing import Play

Drive = Callable[[Play, np.random.Generator, int], np.ndarray]


def heading_for(play: Play, targets: np.ndarray) -> np.ndarray:
    """Actions [N, A, 5] that go straight towards targets [N, A, 2], turning as fast as can be."""
    world = play.env.world
    way = targets - world.pos
    wanted = np.round(np.arctan2(way[..., 1], way[..., 0]) / (2 * np.pi) * 32).astype(int)
    turn = (wanted - world.heading + 16) % 32 - 16
    actions = np.zeros((*turn.shape, 5), np.int64)
    actions[..., 0] = np.where(np.abs(turn) < 8, 2, 1)
    actions[..., 1] = 1
    actions[..., 2] = np.clip(turn, -2, 2) + 2
    return actions


def split(play: Play, actions: np.ndarray) -> dict[str, np.ndarray]:
    """Actions [N, A, 5] by team."""
    count = play.env.config.num_seekers
    return {"seeker": actions[:, :count].copy(), "hider": actions[:, count:].copy()}


def at_random(play: Play, rng: np.random.Generator, time: int) -> np.ndarray:
    return rng.integers(0, (3, 3, 5, 2, 3), (*play.env.world.heading.shape, 5))


def busy(play: Play, rng: np.random.Generator, time: int) -> np.ndarray:
    """They hold on to what they have, press ahead, and lock now and then."""
    actions = at_random(play, rng, time)
    shape = actions.shape[:-1]
    actions[..., 0] = np.where(rng.random(shape) < 0.6, 2, actions[..., 0])
    actions[..., 3] = rng.random(shape) < 0.9
    actions[..., 4] *= rng.random(shape) < 0.15
    return actions


def nearest_object(play: Play) -> np.ndarray:
    """The middle of the object nearest to each agent, [N, A, 2]."""
    pos, rects = play.env.world.pos, play.env.objects.object_rect
    ways = np.linalg.norm(rects[:, None, :, :2] - pos[:, :, None], axis=-1)
    return rects[np.arange(len(pos))[:, None], ways.argmin(axis=-1), :2]


def crush(play: Play, rng: np.random.Generator, time: int) -> np.ndarray:
    """They fetch what is nearest and all press it towards one place: a corner, a door, an agent."""
    env = play.env
    worlds = np.arange(env.num_envs)
    corners = np.array([[0.0, 0.0], [12.0, 0.0], [0.0, 12.0], [12.0, 12.0]])[
        (worlds + time // 40) % 4
    ]
    doors = env.layouts.doors[env.world.layout, 0, :2]
    goals = np.stack([corners, doors, env.world.pos[:, -1], env.world.pos[:, 0]])
    goal = goals[(worlds + time // 25) % len(goals), worlds][:, None]
    has = (env.objects.holding >= 0)[..., None]
    actions = heading_for(play, np.where(has, goal, nearest_object(play)))
    slips = rng.random(actions.shape[:-1])
    actions[..., 0] = np.where(slips < 0.15, rng.integers(0, 3, slips.shape), actions[..., 0])
    actions[..., 1] = np.where(slips > 0.7, rng.integers(0, 3, slips.shape), 1)
    actions[..., 3] = rng.random(slips.shape) < 0.98
    return actions


def spin(play: Play, rng: np.random.Generator, time: int) -> np.ndarray:
    """Who holds something turns with it, at walls and in doors too."""
    actions = crush(play, rng, time)
    has = play.env.objects.holding >= 0
    direction = np.where((np.arange(has.shape[1]) + time // 30) % 2, 0, 4)
    turns = has & (rng.random(has.shape) < 0.7)
    actions[..., 2] = np.where(turns, direction, actions[..., 2])
    return actions


def climb(play: Play, rng: np.random.Generator, time: int) -> np.ndarray:
    """They go up ramps and over what stands there; some carry ramps about."""
    env = play.env
    ramps = env.objects.object_rect[:, BOX_SLOTS:NUM_OBJECTS, :2]
    which = (np.arange(env.world.pos.shape[1]) + time // 60) % 2
    goal = ramps[:, which]
    goal = np.where(goal < 0.0, ramps[:, :1], goal)
    actions = heading_for(play, goal)
    shape = actions.shape[:-1]
    on_top = np.linalg.norm(goal - env.world.pos, axis=-1) < 0.3
    wild = at_random(play, rng, time)
    straight = (env.objects.climb > 0) | on_top
    actions[straight, 0], actions[straight, 2] = 2, 2
    actions = np.where((rng.random(shape) < 0.2)[..., None], wild, actions)
    actions[..., 3] = np.arange(shape[1]) % 3 == time // 50 % 3
    actions[..., 4] *= rng.random(shape) < 0.05
    return actions


def put_ramps_at_obstacles(play: Play, rng: np.random.Generator) -> int:
    """Moves ramps to walls and boxes, where there is room for them; returns how many."""
    env, moved = play.env, 0
    for n in range(env.num_envs):
        rects = env.objects.object_rect[n]
        walls = env.layouts.walls[env.world.layout[n]].T
        for k in range(BOX_SLOTS, NUM_OBJECTS):
            solids = np.concatenate([walls, rects[:BOX_SLOTS]])
            if rects[k, 2] == 0.0:
                continue
            for _ in range(20):
                x, y, half_x, half_y = solids[rng.integers(len(solids))]
                side = rng.choice([-1.0, 1.0])
                if rng.random() < 0.5:
                    x += side * (half_x + 0.4 + rng.uniform(0.0, 0.19))
                    y += rng.uniform(-half_y, half_y)
                else:
                    y += side * (half_y + 0.4 + rng.uniform(0.0, 0.19))
                    x += rng.uniform(-half_x, half_x)
                rect = np.array([x, y, 0.4, 0.4], np.float32)
                others = np.concatenate([solids, np.delete(rects[BOX_SLOTS:], k - BOX_SLOTS, 0)])
                apart = np.maximum(*gaps(rect[None, None].astype(float), others[None])).min()
                if apart >= 0.0 and np.all(np.abs(rect[:2] - 6.0) <= 5.6):
                    rects[k], moved = rect, moved + 1
                    break
    env.observe(play.out)
    return moved


DRIVES: dict[str, Drive] = {
    "random": at_random,
    "busy": busy,
    "crush": crush,
    "spin": spin,
    "climb": climb,
}
