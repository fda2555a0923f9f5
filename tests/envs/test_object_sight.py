"""What agents see of boxes and ramps, what is in their reach and what they may do with it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.kernels.handling import handle
from envs.hide_and_seek.kernels.state import Objects
from envs.hide_and_seek.spaces import (
    BOXES_AT,
    CLIMBS_AT,
    GRAB,
    HOLDS_AT,
    LIDAR_AT,
    LOCK,
    NOOP,
    OBS_BOUND,
    RAMPS_AT,
)
from tests.envs import reference, reference_objects
from tests.envs.crowds import (
    CUBE,
    PLANK,
    RAMP,
    WORLDS,
    bits,
    crowded_worlds,
    row_of,
    scene_of,
)
from tests.envs.playing import Play, make_play, place

EAST, NORTH, WEST, SOUTH = 0, 8, 16, 24
FAR_AWAY = (11.0, 11.0, NORTH)  # for the agent that a test is not about


def check_perception(play: Play, n: int) -> np.ndarray:
    """Compares all that agents of world n perceive of objects, and may do, with the reference.

    Returns how often each case came up.
    """
    scene, objects = scene_of(play, n), play.env.objects
    counts = np.zeros(7)
    for a in range(len(scene.pos)):
        row, mask = row_of(play, n, a)
        seen, near = reference_objects.seen(scene, a), reference_objects.near(scene, a)
        assert objects.sees_objects[n, a] == bits(seen)
        assert objects.near[n, a] == bits(near)
        expected = reference_objects.observe(scene, a, seen)
        np.testing.assert_allclose(row[BOXES_AT:], expected, atol=1e-4)
        assert row[HOLDS_AT] == (scene.holding[a] >= 0)
        assert row[CLIMBS_AT] == pytest.approx(scene.climb[a] / 8)
        assert list(mask[11:]) == reference_objects.mask(scene, a)
        assert mask[:11].sum() == (3 if a < scene.blind else 11)
        if reference.depth(scene.pos[a], scene.solids()) == 0.0:
            angle = reference.angle_of(scene.heading[a])
            rays = [
                reference.ray(scene.pos[a], angle + k * np.pi / 16, 8.0, scene.solids())
                for k in range(32)
            ]
            np.testing.assert_allclose(row[LIDAR_AT:][:32], np.array(rays) / 8.0, atol=1e-4)
        assert np.abs(row).max() <= OBS_BOUND
        counts += [len(seen), len(near), seen != near, a < scene.blind, *mask[[12, 14, 15]]]
    return counts


@pytest.mark.parametrize("ramp_locks", [True, False])
def test_crowded_worlds_agree_with_the_reference(ramp_locks: bool) -> None:
    """Sight, reach, lidar, every column about objects, and the masks."""
    play = crowded_worlds(int(ramp_locks), ramp_locks=ramp_locks)
    counts = sum(check_perception(play, n) for n in range(WORLDS))
    assert np.all(counts > 5)  # every case has come up


@pytest.mark.parametrize("level", ["L1", "L3", "L4", "Q"])
def test_whole_games_agree_with_the_reference(level: str) -> None:
    play = make_play(3, level=level, num_seekers=2, num_hiders=2, prep_steps=10, episode_steps=50)
    play.reset(1, 2, 3)
    rng = np.random.default_rng(0)
    for _ in range(100):
        actions = play.random_actions(rng)
        for team in actions.values():
            team[..., GRAB] |= rng.random(team.shape[:-1]) < 0.9
            team[..., LOCK] *= rng.random(team.shape[:-1]) < 0.2
        play.step(actions)
        for n in range(3):
            check_perception(play, n)


def play_head(play: Play, n: int, a: int, grab: int, lock: int) -> Objects:
    """The objects after agent a of world n has grabbed or locked; the others keep theirs."""
    env = play.env
    objects = Objects(*(array.copy() for array in env.objects))
    actions = np.tile(np.array(NOOP), (len(objects.holding[n]), 1))
    actions[:, GRAB] = objects.holding[n] >= 0
    actions[a, [GRAB, LOCK]] = grab, lock
    seekers, ramp_locks = env.rules.num_seekers, bool(env.rules.ramp_locks[0])
    frozen = seekers if env.world.time[n] < env.world.prep_steps[n] else 0
    handle(env.world, objects, n, seekers, frozen, ramp_locks, actions)
    return objects


@pytest.mark.parametrize("ramp_locks", [True, False])
def test_what_the_masks_allow_is_what_does_something(ramp_locks: bool) -> None:
    play = crowded_worlds(2, ramp_locks=ramp_locks)
    before = play.env.objects
    done = np.zeros(3)
    for n in range(WORLDS):
        for a in range(6):
            hold, lock, unlock = row_of(play, n, a)[1][[12, 14, 15]]
            keep = int(before.holding[n, a] >= 0)
            after = play_head(play, n, a, 1, 0)
            assert (after.holding[n, a] >= 0) == hold
            for choice, is_allowed in ((1, lock), (2, unlock)):
                after = play_head(play, n, a, keep, choice)
                changed = np.flatnonzero(after.lock_team[n] != before.lock_team[n])
                assert len(changed) == is_allowed
            done += [hold and not keep, lock and not keep, unlock]
    assert np.all(done > 5)


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


@pytest.mark.parametrize("on_a_wall", [True, False])
def test_who_is_up_on_an_obstacle_sees_and_is_seen_past_it_alone(on_a_wall: bool) -> None:
    """Else it would be a place to hide in, and a seeker up there blind."""
    walls = [(6.0, 6.0, 0.1, 2.0)] if on_a_wall else []
    objects = {4: (9.0, 6.0, *RAMP), **({} if on_a_wall else {0: (6.0, 6.0, *CUBE)})}
    agents = [(3.0, 6.0, EAST), (8.0, 6.0, WEST)], [(6.0, 6.0, EAST)]
    play = place(walls, *agents, objects=objects, level="L3")
    play.env.objects.climb[0, 2] = 5
    play.env.observe(play.out)
    assert play.env.world.sees[0].tolist() == [[0, 0, 1], [0, 0, 1], [0, 1, 0]]
    assert play.env.objects.sees_objects[0, 2] == (1 << 4) + (not on_a_wall)
    between = [*walls, (4.5, 6.0, 0.1, 1.0), (7.0, 6.0, 0.1, 1.0)]
    play = place(between, *agents, objects=objects, level="L3")
    assert not play.env.world.sees.any()
    assert play.env.objects.sees_objects[0, 2] == (not on_a_wall)


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
    state.holding[0, 0] = 4  # as no game brings it about: still nothing but the no-op
    play.env.observe(play.out)
    assert list(play.out["seeker"].action_mask[0, 0, 11:]) == [True, False, True, False, False]
    play = place([], *agents, objects=objects)
    assert play.env.objects.near[0, 0] > 0


@pytest.mark.parametrize(("north", "south"), [(1, 3), (3, 1), (0, 2)])
def test_of_two_that_are_equally_near_the_first_counts(north: int, south: int) -> None:
    objects = {north: (6.0, 7.0, *CUBE), south: (6.0, 5.0, *CUBE)}
    play = place([], [(5.0, 6.0, EAST)], [FAR_AWAY], objects=objects)
    assert play.env.objects.near[0, 0] == bits({north, south})
    locked = play_head(play, 0, 0, 0, 1).lock_team[0]
    assert list(np.flatnonzero(locked)) == [min(north, south)]
    assert play_head(play, 0, 0, 1, 0).holding[0, 0] == min(north, south)


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
