"""What holds after every step of every game with boxes and ramps, asked of all worlds at once."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.spaces import BOX_SLOTS, GRAB, LOCK, NUM_OBJECTS
from tests.envs.playing import Play

DEEP = 1.1e-3  # how deep a disc may be in a solid
CLOSE = 2e-5  # how far an object may be beyond the border: rounding
STRIDE = 0.25 + 0.2 + 1e-4  # an own step, and a shove
UNLOCK = 2


def gaps(rects: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far apart [N, R, 4] and [N, S, 4] are along x and along y: two of [N, R, S]."""
    between = np.abs(rects[:, :, None, :2] - others[:, None, :, :2])
    apart = between - rects[:, :, None, 2:] - others[:, None, :, 2:]
    return apart[..., 0], apart[..., 1]


def disc_depth(pos: np.ndarray, rects: np.ndarray) -> np.ndarray:
    """How deep discs [N, A, 2] are in rectangles [N, S, 4], [N, A, S]; below 0 = apart."""
    x, y = gaps(np.concatenate([pos, np.zeros_like(pos)], axis=-1), rects)
    outside = np.hypot(np.maximum(x, 0.0), np.maximum(y, 0.0))
    return 0.25 - np.where((x > 0.0) | (y > 0.0), outside, np.maximum(x, y))


def crosses(start: np.ndarray, end: np.ndarray, rects: np.ndarray) -> np.ndarray:
    """Whether ways [N, A, 2] lead through rectangles [N, S, 4]: [N, A]."""
    way = np.where(np.abs(end - start) < 1e-9, 1e-9, end - start)[:, :, None]
    to, half = rects[:, None, :, :2] - start[:, :, None], rects[:, None, :, 2:]
    first, second = (to - half) / way, (to + half) / way
    enter = np.minimum(first, second).max(axis=-1).clip(0.0)
    leave = np.maximum(first, second).min(axis=-1).clip(None, 1.0)
    return np.any(enter < leave, axis=-1)


class Watch:
    """Looks at a game before and after each step."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.seekers = np.arange(play.env.world.pos.shape[1]) < play.env.config.num_seekers
        self.team = np.where(self.seekers, 1, 2)  # as locks name it

    def step(self, actions: dict[str, np.ndarray]) -> None:
        """Plays a step and checks all there is to check."""
        world = self.play.env.world
        self.before = self.play.env.get_state()
        self.frozen = self.seekers & (world.time < world.prep_steps)[:, None]
        self.actions = np.concatenate([actions["seeker"], actions["hider"]], axis=1)
        self.play.step(actions)
        self.going_on = ~self.play.dones
        self.check_state()
        self.check_locks()
        self.check_objects_that_moved()
        self.check_agents_that_moved()

    @property
    def walls(self) -> np.ndarray:
        """[N, W, 4]"""
        env = self.play.env
        return env.layouts.walls[env.world.layout].transpose(0, 2, 1).astype(float)

    def check_state(self) -> None:
        """Everything is finite, clear of what it must be clear of, and held as it may be."""
        world, objects = self.play.env.world, self.play.env.objects
        for array in (*world, *objects, *self.play.rewards.values()):
            assert np.all(np.isfinite(array.astype(float)))
        assert np.all((world.pos >= 0.25) & (world.pos <= 11.75))
        assert np.linalg.norm(world.vel, axis=-1).max() <= 0.25 + 1e-5
        assert objects.climb.min() >= 0
        assert objects.climb.max() <= 8
        rects, walls = objects.object_rect.astype(float), self.walls
        is_there = rects[..., 2] > 0.0
        deep = disc_depth(world.pos.astype(float), np.concatenate([walls, rects[:, :4]], axis=1))
        assert deep.max(axis=-1)[objects.climb == 0].max() <= DEEP
        inside = np.concatenate([rects[..., :2] - rects[..., 2:], 12.0 - rects[..., :2]], axis=-1)
        inside[..., 2:] -= rects[..., 2:]
        assert inside[is_there].min(initial=0.0) >= -CLOSE
        apart = np.maximum(*gaps(rects, np.concatenate([walls, rects], axis=1)))
        apart[:, range(NUM_OBJECTS), walls.shape[1] + np.arange(NUM_OBJECTS)] = np.inf
        assert apart[is_there].min(initial=1.0) > 0.0
        self.check_holders(rects, is_there)

    def check_holders(self, rects: np.ndarray, is_there: np.ndarray) -> None:
        world, objects = self.play.env.world, self.play.env.objects
        holds = objects.holding[..., None] == np.arange(NUM_OBJECTS)  # [N, A, 6]
        assert holds.sum(axis=1).max() <= 1
        assert not np.any(holds & ~(is_there & (objects.lock_team == 0))[:, None])
        frozen = self.seekers & (world.time < world.prep_steps)[:, None]
        assert np.all(objects.holding[frozen | (objects.climb > 0)] == -1)
        reach = -disc_depth(world.pos.astype(float), rects) + 0.25
        assert reach[holds].max(initial=0.0) <= 0.9 + 1e-5
        pos, slots = world.pos.astype(float), objects.holding.clip(0)
        held = np.take_along_axis(rects, slots[..., None], axis=1)
        nearest = np.clip(pos, held[..., :2] - held[..., 2:], held[..., :2] + held[..., 2:])
        assert not np.any(crosses(pos, nearest, self.walls) & (objects.holding >= 0))

    def check_locks(self) -> None:
        """A lock is opened by an agent of its own team that is near, and by nobody else."""
        lock, before = self.play.env.objects.lock_team, self.before["lock_team"]
        bits = self.before["near"][..., None] >> np.arange(NUM_OBJECTS) & 1
        opens = (self.actions[..., LOCK] == UNLOCK) & ~self.frozen
        may_open = np.any(
            (bits == 1) & opens[..., None] & (self.team[:, None] == before[:, None]), axis=1
        )
        opened = (before > 0) & (lock != before) & self.going_on[:, None]
        assert not np.any(opened & ~may_open)
        closed = (lock > 0) & (lock != before) & self.going_on[:, None]
        acts = (self.actions[..., LOCK] == 1) & ~self.frozen
        at_hand = (bits == 1) | (self.before["holding"][..., None] == np.arange(NUM_OBJECTS))
        may_close = at_hand & acts[..., None] & (self.team[:, None] == lock[:, None])
        assert not np.any(closed & ~may_close.any(axis=1))

    def check_objects_that_moved(self) -> None:
        """Only what an agent holds moves: at most a step, or a plank around its holder."""
        objects = self.play.env.objects
        rects, before = objects.object_rect.astype(float), self.before["object_rect"].astype(float)
        moved = np.any(rects != before, axis=-1) & self.going_on[:, None]
        locked = (self.before["lock_team"] > 0) & (objects.lock_team == self.before["lock_team"])
        assert not np.any(moved & locked)
        slots = np.arange(NUM_OBJECTS)
        at_hand = (self.before["near"][..., None] >> slots & 1 == 1) | (
            self.before["holding"][..., None] == slots
        )
        holds = (self.actions[..., GRAB] == 1) & ~self.frozen & (self.before["climb"] == 0)
        assert not np.any(moved & ~np.any(at_hand & holds[..., None], axis=1))
        assert np.array_equal(
            np.sort(rects[..., 2:])[self.going_on], np.sort(before[..., 2:])[self.going_on]
        )
        turned = (rects[..., 2] != before[..., 2]) & self.going_on[:, None]
        assert not np.any(turned[:, BOX_SLOTS:])
        way = np.linalg.norm(rects[..., :2] - before[..., :2], axis=-1)
        assert way[moved & ~turned].max(initial=0.0) <= 0.25 + 1e-5
        shared = np.maximum(*gaps(rects, before))[:, slots, slots]
        assert shared[turned].max(initial=-1.0) < 0.0

    def check_agents_that_moved(self) -> None:
        """Frozen seekers stand still; on the ground nobody gets through a wall."""
        world, objects = self.play.env.world, self.play.env.objects
        pos, before = world.pos, self.before["pos"]
        stays = self.frozen & self.going_on[:, None]
        assert np.array_equal(pos[stays], before[stays])
        assert np.array_equal(world.heading[stays], self.before["heading"][stays])
        walks = (objects.climb == 0) & (self.before["climb"] == 0) & self.going_on[:, None]
        way = np.linalg.norm(pos - before, axis=-1)
        assert way[walks].max(initial=0.0) <= STRIDE
        through = crosses(before.astype(float), pos.astype(float), self.walls)
        assert not np.any(through & walks)
        boxes = self.before["object_rect"][:, :BOX_SLOTS].astype(float)
        stood = np.all(boxes == objects.object_rect[:, :BOX_SLOTS], axis=-1, keepdims=True)
        through = crosses(before.astype(float), pos.astype(float), np.where(stood, boxes, -100.0))
        assert not np.any(through & walks)
