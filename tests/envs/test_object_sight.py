"""What agents see of boxes and ramps, what is in their reach and what they may do with it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.layouts import pack_walls
from envs.hide_and_seek.spaces import BOXES_AT, LIDAR_AT, OBS_BOUND, RAMPS_AT
from tests.envs import reference, reference_objects
from tests.envs.playing import Play, Rect, make_play, place, use_objects

EAST, NORTH, WEST, SOUTH = 0, 8, 16, 24
FAR_AWAY = (11.0, 11.0, NORTH)  # for the agent that a test is not about
CUBE, PLANK, RAMP = (0.6, 0.6), (1.0, 0.2), (0.4, 0.4)
WALLS: list[Rect] = [(3.0, 3.0, 0.1, 1.5), (9.0, 4.0, 1.0, 0.1), (6.0, 9.5, 0.8, 0.6)]
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


def draw_places(rng: np.random.Generator, rects: dict[int, Rect]) -> list[np.ndarray]:
    """Six places for discs, clear of walls and boxes, most of them close to some object."""
    solids = [*WALLS, *(rect for k, rect in rects.items() if k < 4)]
    places: list[np.ndarray] = []
    while len(places) < 6:
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


def crowded_worlds(seed: int, *, ramp_locks: bool) -> Play:
    """Worlds full of objects and agents in any state they can be in, half of them seeking."""
    play = make_play(WORLDS, level="L3", num_seekers=3, num_hiders=3, num_layouts=1)
    play.reset(*range(WORLDS))
    env, rng = play.env, np.random.default_rng(seed)
    walls = pack_walls(np.array(WALLS, np.float32), len(WALLS))[None]
    env.layouts = env.layouts._replace(walls=walls, num_walls=np.array([len(WALLS)], np.int32))
    use_objects(play, ramp_locks=ramp_locks)
    env.world.time[:] = env.world.prep_steps - rng.integers(0, 2, WORLDS)
    env.world.heading[:] = rng.integers(0, 32, (WORLDS, 6))
    for n in range(WORLDS):
        rects = draw_objects(rng)
        for k, rect in rects.items():
            env.objects.object_rect[n, k] = rect
        env.world.pos[n] = draw_places(rng, rects)
        env.objects.lock_team[n] = rng.integers(0, 3, 6) * rng.integers(0, 2, 6)
        env.objects.climb[n] = rng.integers(1, 9, 6) * (rng.random(6) < 0.2)
        for k in rects:
            a = rng.integers(0, 12)  # half of them are held by nobody
            is_able = a < 6 and env.objects.climb[n, a] == 0 and env.objects.holding[n, a] < 0
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
    is_preparing = env.world.time[n] < env.world.prep_steps[n]
    return reference_objects.Scene(
        env.world.pos[n].astype(float),
        env.world.heading[n],
        env.config.num_seekers,
        env.config.num_seekers if is_preparing else 0,
        WALLS,
        rects,
        env.objects.lock_team[n].tolist(),
        env.objects.holding[n].tolist(),
        env.objects.climb[n].tolist(),
        bool(env.rules.ramp_locks[0]),
    )


def bits(numbers: set[int]) -> int:
    return sum(1 << k for k in numbers)


def row_of(play: Play, n: int, a: int) -> tuple[np.ndarray, np.ndarray]:
    """The observation and the action mask of agent a of world n."""
    count = play.env.config.num_seekers
    team, k = ("seeker", a) if a < count else ("hider", a - count)
    return play.out[team].obs[n, k], play.out[team].action_mask[n, k]


@pytest.mark.parametrize("ramp_locks", [True, False])
def test_crowded_worlds_agree_with_the_reference(ramp_locks: bool) -> None:
    """Sight, reach, every column about objects, and the masks."""
    play = crowded_worlds(int(ramp_locks), ramp_locks=ramp_locks)
    counts = np.zeros(7)
    for n in range(WORLDS):
        scene = scene_of(play, n)
        for a in range(6):
            row, mask = row_of(play, n, a)
            seen = reference_objects.seen(scene, a)
            near = reference_objects.near(scene, a)
            assert play.env.objects.sees_objects[n, a] == bits(seen)
            assert play.env.objects.near[n, a] == bits(near)
            expected = reference_objects.observe(scene, a, seen)
            np.testing.assert_allclose(row[BOXES_AT:], expected, atol=1e-4)
            assert row[10] == (scene.holding[a] >= 0)
            assert row[11] == pytest.approx(scene.climb[a] / 8)
            assert list(mask[11:]) == reference_objects.mask(scene, a)
            assert mask[:11].sum() == (3 if a < scene.blind else 11)
            solids = scene.solids()
            rays = [reference.angle_of(scene.heading[a]) + k * np.pi / 16 for k in range(32)]
            lengths = [reference.ray(scene.pos[a], angle, 8.0, solids) for angle in rays]
            if reference.depth(scene.pos[a], solids) == 0.0:
                np.testing.assert_allclose(row[LIDAR_AT:][:32], np.array(lengths) / 8.0, atol=1e-4)
            assert np.abs(row).max() <= OBS_BOUND
            counts += [len(seen), len(near), seen != near, a < scene.blind, *mask[[12, 14, 15]]]
    assert counts.min() > 5  # every case has come up


@pytest.mark.parametrize("seen", [0, 1, 2, 3, 4, 5])
def test_each_object_fills_its_own_slot(seen: int) -> None:
    """The others lie behind the viewer's back."""
    half = [CUBE, CUBE, PLANK, PLANK, RAMP, RAMP]
    objects = {k: (1.0, 1.0 + 2.0 * k, *half[k]) for k in range(6) if k != seen}
    objects[seen] = (7.0, 6.0, *half[seen])
    play = place([], [(3.0, 6.0, EAST)], [FAR_AWAY], objects=objects)
    row = play.out["seeker"].obs[0, 0]
    slots = [*row[BOXES_AT:RAMPS_AT].reshape(4, 12), *row[RAMPS_AT:].reshape(2, 8)]
    assert [slot.any() for slot in slots] == [k == seen for k in range(6)]
    np.testing.assert_allclose(slots[seen][:4], [1.0, 1.0, 0.0, 4.0 / np.hypot(12.0, 12.0)])


@pytest.mark.parametrize("touch", [0.25, 0.2501, 0.26])
@pytest.mark.parametrize("half", [CUBE, PLANK, PLANK[::-1]])
def test_no_sight_through_a_box_that_the_viewer_touches(
    touch: float, half: tuple[float, float]
) -> None:
    west, east = 6.0 - half[0] - touch, 6.0 + half[0] + touch
    objects = {2: (6.0, 6.0, *half), 4: (east + 1.0, 6.0, *RAMP)}
    play = place([], [(west, 6.0, EAST)], [(east, 6.0, WEST)], objects=objects)
    assert not play.env.world.sees.any()
    assert list(play.env.objects.sees_objects[0]) == [1 << 2, 1 << 2]  # the box itself they do see
    assert not play.out["seeker"].obs[0, 0, 44:94].any()
    play.env.objects.object_rect[0, 2, 0] = -100.0
    play.env.observe(play.out)
    assert play.env.world.sees[0].sum() == 2
    assert play.env.objects.sees_objects[0, 0] == 1 << 4


def test_a_ramp_hides_nothing() -> None:
    objects = {1: (8.0, 6.0, *CUBE), 5: (6.0, 6.0, *RAMP)}
    play = place([], [(4.0, 6.0, EAST)], [(6.0, 6.0, WEST)], objects=objects)
    assert play.env.world.sees[0].sum() == 2
    assert play.env.objects.sees_objects[0, 0] == (1 << 1) + (1 << 5)


def test_looking_leaves_the_solids_as_they_were() -> None:
    """A box hides others after it has been looked at itself."""
    objects = {0: (6.0, 6.0, *CUBE), 1: (7.5, 6.0, *CUBE), 2: (4.9, 6.0, 0.2, 1.0)}
    play = place([], [(4.2, 6.0, EAST)], [(4.2, 5.6, EAST)], objects=objects)
    assert list(play.env.objects.sees_objects[0]) == [1 << 2, 1 << 2]
    assert list(play.env.objects.near[0]) == [1 << 2, 1 << 2]


def test_the_lidar_meets_boxes_and_passes_over_ramps() -> None:
    objects = {0: (8.0, 6.0, *CUBE), 4: (6.5, 6.0, *RAMP), 5: (6.0, 8.0, *RAMP)}
    play = place([], [(5.0, 6.0, EAST)], [FAR_AWAY], objects=objects, lidar_range=4.0)
    rays = play.out["seeker"].obs[0, 0, LIDAR_AT : LIDAR_AT + 32]
    assert rays[0] == pytest.approx((8.0 - 0.6 - 5.0) / 4.0)
    assert np.all(rays[3:29] == 1.0)  # a miss is the full range


def test_the_blind_see_and_reach_nothing() -> None:
    objects = {0: (3.0, 6.0, *CUBE), 4: (2.0, 7.2, *RAMP)}
    agents = [(2.0, 6.0, EAST)], [(2.0, 6.6, EAST)]
    play = place([], *agents, time=0, objects=objects)
    state = play.env.objects
    assert (state.near[0, 0], state.sees_objects[0, 0]) == (0, 0)
    assert list(play.out["seeker"].action_mask[0, 0, 11:]) == [True, False, True, False, False]
    assert state.near[0, 1] > 0  # a hider does
    assert list(play.out["hider"].action_mask[0, 0, 11:]) == [True, True, True, True, False]
    play = place([], *agents, objects=objects)
    assert play.env.objects.near[0, 0] > 0


@pytest.mark.parametrize(
    ("heading", "is_near"), [(EAST, True), (6, True), (7, False), (WEST, False)]
)
def test_reach_is_in_view(heading: int, is_near: bool) -> None:
    play = place([], [(5.0, 6.0, heading)], [FAR_AWAY], objects={3: (6.0, 6.0, *CUBE)})
    assert (play.env.objects.near[0, 0] == 1 << 3) == is_near


@pytest.mark.parametrize(("x", "is_near"), [(4.82, True), (4.78, False)])
def test_reach_is_to_the_nearest_point(x: float, is_near: bool) -> None:
    """The middle of the plank is hidden and far; its end is in reach behind a wall's end."""
    objects = {1: (6.4, 6.0, *PLANK)}
    play = place([(6.0, 5.6, 0.1, 0.1)], [(x, 6.0, EAST)], [FAR_AWAY], objects=objects)
    assert (play.env.objects.near[0, 0] == 1 << 1) == is_near


def test_nothing_is_in_reach_through_a_wall_or_another_box() -> None:
    for hides in ({0: (5.5, 6.0, 0.1, 0.5)}, {}):
        walls = [] if hides else [(5.5, 6.0, 0.1, 0.5)]
        objects = {**hides, 1: (6.4, 6.0, *CUBE)}
        play = place(walls, [(5.22, 6.0, EAST)], [FAR_AWAY], objects=objects)
        assert play.env.objects.near[0, 0] == bits(set(hides))
        play.env.layouts.walls[:, 0], play.env.objects.object_rect[0, 0, 0] = -100.0, -100.0
        play.env.observe(play.out)
        assert play.env.objects.near[0, 0] == 1 << 1


def test_worlds_without_objects_are_not_touched() -> None:
    play = place([], [(5.0, 6.0, EAST)], [FAR_AWAY])
    play.env.objects.object_rect[0, 0] = (6.0, 6.0, 0.6, 0.6)  # no rule speaks of it
    play.env.observe(play.out)
    assert not play.env.objects.near.any()
    assert not play.env.objects.sees_objects.any()
    assert not play.out["seeker"].obs[0, 0, BOXES_AT:].any()
    assert list(play.out["seeker"].action_mask[0, 0, 11:]) == [True, False, True, False, False]
