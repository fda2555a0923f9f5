"""Carrying by hand: what moves, what stops it, who is in the way, and planks that turn."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.spaces import GRAB, LOCK
from tests.envs.by_hand import CUBE, EAST, FAR_AWAY, NORTH, RAMP, SOUTH, WEST, act, game
from tests.envs.playing import Place, Play, Rect, make_play

AHEAD, BACK, STAY, HOLD = 2, 0, 1, 1
NONE, TAKE, OPEN = 0, 1, 2
LEFT = 3
FLAT, UPRIGHT = (1.0, 0.2), (0.2, 1.0)  # planks


def move(
    forward: int = STAY, strafe: int = STAY, turn: int = 2, grab: int = HOLD, lock: int = NONE
) -> tuple[int, int, int, int, int]:
    return forward, strafe, turn, grab, lock


def box(play: Play, k: int = 0) -> np.ndarray:
    return play.env.objects.object_rect[0, k].astype(float)


def spot(play: Play, a: int = 0) -> np.ndarray:
    return play.env.world.pos[0, a].astype(float)


def alone(x: float, y: float, heading: int, walls: list[Rect], **objects: Rect) -> Play:
    """One seeker in the main phase, a hider far away; objects by name, box_0 to ramp_5."""
    by_index = {int(name[-1]): rect for name, rect in objects.items()}
    return game(walls, [(x, y, heading)], [FAR_AWAY], by_index)


@pytest.mark.parametrize("heading", [EAST, NORTH, WEST, SOUTH])
@pytest.mark.parametrize(("k", "half"), [(0, CUBE), (3, FLAT), (4, RAMP)])
def test_a_holder_and_its_object_move_as_one(
    heading: int, k: int, half: tuple[float, float]
) -> None:
    ahead = np.array({EAST: (1, 0), NORTH: (0, 1), WEST: (-1, 0), SOUTH: (0, -1)}[heading], float)
    middle = 6.0 + ahead * (np.array(half) + 0.3)
    play = alone(6.0, 6.0, heading, [], **{f"object_{k}": (*middle, *half)})
    offset = box(play, k)[:2] - spot(play)
    act(play, 1, move(AHEAD))
    np.testing.assert_allclose(spot(play), 6.0 + 0.07 * ahead, atol=1e-5)
    act(play, 20, move(AHEAD))
    np.testing.assert_allclose(box(play, k)[:2] - spot(play), offset, atol=1e-4)
    speed = np.linalg.norm(play.env.world.vel[0, 0])
    assert speed == pytest.approx(0.7 * 0.25, abs=1e-3)  # slower than without a load
    act(play, 30, move(BACK))
    assert (spot(play) - 6.0) @ ahead < 0.0  # it can be pulled, too


def test_letting_go_leaves_the_object_where_it_is() -> None:
    play = alone(6.0, 6.0, EAST, [], box_0=(6.9, 6.0, *CUBE))
    act(play, 5, move(AHEAD))
    assert play.env.objects.holding[0, 0] == 0
    before = box(play)
    act(play, 5, move(BACK, grab=0))
    assert play.env.objects.holding[0, 0] == -1
    assert np.array_equal(box(play), before)
    assert spot(play)[0] < before[0] - 1.0


def test_a_box_that_nobody_holds_stops_like_a_wall() -> None:
    """Nobody pushes it, however many press."""
    crowd: list[Place] = [(4.5, 6.0, EAST), (4.5, 6.6, EAST), (4.5, 5.4, EAST)]
    play = game([], crowd, [FAR_AWAY], objects={0: (6.0, 6.0, *CUBE)})
    before = box(play)
    act(play, 40, *[move(AHEAD, grab=0)] * 3)
    assert np.array_equal(box(play), before)
    assert spot(play, 0)[0] == pytest.approx(5.15, abs=2e-3)


@pytest.mark.parametrize("heading", range(0, 32, 3))
@pytest.mark.parametrize("k", [0, 1, 4])
def test_no_box_leaves_the_arena(heading: int, k: int) -> None:
    half = {0: CUBE, 1: FLAT, 4: RAMP}[k]
    angle = heading * np.pi / 16
    place_at = 6.0 + np.array([np.cos(angle), np.sin(angle)]) * (np.hypot(*half) + 0.26)
    play = alone(6.0, 6.0, heading, [], **{f"object_{k}": (*place_at, *half)})
    play.env.objects.holding[0, 0] = k  # from wherever the corner is
    play.env.objects.grip[0, 0] = heading
    for _ in range(60):
        act(play, 1, move(AHEAD))
        x, y, half_x, half_y = box(play, k)
        assert min(x - half_x, y - half_y) >= -1e-4
        assert max(x + half_x, y + half_y) <= 12.0001
    low, high = box(play, k)[:2] - half, box(play, k)[:2] + half
    assert min(low.min(), 12.0 - high.max()) < 0.05  # it has come to the border


THIN = (7.0, 6.0, 0.1, 6.0)  # a wall through the whole arena


@pytest.mark.parametrize("half", [CUBE, UPRIGHT])
def test_two_agents_cannot_squeeze_one_box_through_a_wall(half: tuple[float, float]) -> None:
    """One holds, two press from behind; another pulls from the other side of the wall."""
    x = 6.85 - half[0]
    crew: list[Place] = [(x - half[0] - 0.3, 6.0, EAST), (x - half[0] - 0.3, 6.55, EAST)]
    hiders: list[Place] = [(7.4, 6.0, WEST), (x - half[0] - 0.9, 6.0, EAST)]
    play = game([THIN], crew, hiders, objects={0: (x, 6.0, *half)})
    for time in range(80):
        act(play, 1, move(AHEAD), move(AHEAD), move(BACK), move(AHEAD))
        objects = play.env.objects
        assert np.sum(objects.holding[0] == 0) == 1
        assert objects.holding[0, 2] == -1
        assert box(play)[0] + half[0] <= 6.9 + 1e-4, time
        assert max(spot(play, a)[0] for a in (0, 1, 3)) <= 6.65 + 2e-3
    assert box(play)[0] + half[0] > 6.85  # and it has been pressed against the wall


def test_nobody_is_carried_along_and_nobody_is_run_over() -> None:
    """A passenger beside the box stays; one in front of it stops it; its disc stays clear."""
    holder: Place = (6.0, 6.0, EAST)
    passengers: list[Place] = [(6.9, 6.86, EAST), (6.9, 5.14, EAST), (9.0, 6.0, EAST)]
    play = game([], [holder], passengers, objects={0: (6.9, 6.0, *CUBE)})
    beside = [spot(play, a) for a in (1, 2)]
    act(play, 40, move(AHEAD))
    assert [spot(play, a).tolist() for a in (1, 2)] == [p.tolist() for p in beside]
    assert np.array_equal(spot(play, 3), [9.0, 6.0])
    assert 8.6 < box(play)[0] + 0.6 <= 8.75 + 1e-3
    act(play, 40, move(AHEAD), move(), move(), move(AHEAD))  # who goes away is followed
    assert box(play)[0] > 8.3


@pytest.mark.parametrize("climbing", [True, False])
def test_an_agent_on_top_pins_a_box(climbing: bool) -> None:
    """No box is ridden: as long as somebody is up on it, it does not move at all."""
    start: Place = (6.9, 6.3, NORTH) if climbing else (6.9, 6.9, NORTH)
    play = game([], [(6.0, 6.0, EAST)], [start], objects={0: (6.9, 6.0, *CUBE)})
    play.env.objects.climb[0, 1] = 6 if climbing else 0
    before = box(play), spot(play, 1)
    act(play, 3, move(AHEAD))
    assert np.array_equal(box(play), before[0]) == climbing
    assert np.array_equal(spot(play, 1), before[1])


def test_a_ramp_that_somebody_stands_on_is_neither_grabbed_nor_moved() -> None:
    for distance, held in ((0.2, -1), (0.45, 4), (0.8, 4)):
        rider: Place = (6.8 + distance, 6.0, EAST)
        play = game([], [(6.1, 6.0, EAST)], [rider], objects={4: (6.8, 6.0, *RAMP)})
        before = box(play, 4)
        act(play, 1, move(BACK))
        assert play.env.objects.holding[0, 0] == held
        act(play, 5, move(BACK))
        # With a toe on it, it is in the hand but stays where it is.
        assert np.array_equal(box(play, 4), before) == (distance < 0.65)


def test_one_object_has_one_holder_and_the_turns_take_turns() -> None:
    winners = []
    for time in range(32, 36):
        play = game(
            *([], [(6.0, 6.0, EAST)], [(7.8, 6.0, WEST)]), time=time, objects={0: (6.9, 6.0, *CUBE)}
        )
        act(play, 1, move(AHEAD), move(AHEAD))
        holders = np.flatnonzero(play.env.objects.holding[0] == 0)
        assert len(holders) == 1
        winners.append(holders[0])
    assert winners[:2] == winners[2:]
    assert {*winners} == {0, 1}  # no team always comes first


def test_holders_who_want_one_place_take_turns() -> None:
    """Between their boxes is 0.1 m: who comes first goes all of its 0.07 m, the other a quarter."""
    objects = {0: (4.9, 6.0, *CUBE), 1: (6.2, 6.0, *CUBE)}
    for time in (32, 33):
        play = game([], [(4.0, 6.0, EAST)], [(7.1, 6.0, WEST)], objects, time=time)
        act(play, 1, move(AHEAD), move(AHEAD))
        ways = [box(play, 0)[0] - 4.9, 6.2 - box(play, 1)[0]]
        expected = [0.07, 0.0175] if time == 32 else [0.0175, 0.07]
        np.testing.assert_allclose(ways, expected, atol=1e-5)


def test_a_lock_holds_for_all_and_opens_for_its_own_team() -> None:
    seekers: list[Place] = [(6.0, 6.0, EAST), (6.9, 7.0, SOUTH)]
    hiders: list[Place] = [(7.8, 6.0, WEST), FAR_AWAY]
    play = game([], seekers, hiders, objects={0: (6.9, 6.0, *CUBE)})
    act(play, 2, move(), move(grab=0), move(grab=0))
    assert play.env.objects.holding[0, 0] == 0
    act(play, 1, move(), move(grab=0), move(grab=0, lock=TAKE))
    assert play.env.objects.lock_team[0, 0] == 0  # what another holds cannot be locked
    act(play, 1, move(lock=TAKE))
    assert play.env.objects.lock_team[0, 0] == 1
    assert play.env.objects.holding[0, 0] == -1  # it fell out of its hands
    before = box(play)
    act(play, 5, move(BACK), move(grab=0), move(lock=OPEN))
    assert play.env.objects.lock_team[0, 0] == 1  # hiders neither move nor open it
    assert np.array_equal(box(play), before)
    act(play, 1, move(), move(grab=0, lock=OPEN))
    assert play.env.objects.lock_team[0, 0] == 0
    act(play, 1, move(), move(), move(grab=0, lock=TAKE))
    assert play.env.objects.stage[0, 8] == 1.0


def test_a_grip_breaks_where_a_wall_comes_in_between() -> None:
    """A thin wall fits between a holder and its box: it must not be dragged along behind it."""
    wall = (7.5, 6.375, 1.0, 0.1)
    play = alone(6.0, 6.0, NORTH, [wall], box_0=(6.0, 7.15, 0.6, 0.6))
    act(play, 1, move())
    assert play.env.objects.holding[0, 0] == 0
    act(play, 20, move(strafe=0))  # to the right
    assert play.env.objects.holding[0, 0] == -1
    assert spot(play)[0] > 6.5
    assert box(play)[0] < 7.0


@pytest.mark.parametrize("gap", np.linspace(0.0199, 0.0201, 41))
def test_a_box_at_a_wall_is_not_reached_through_it(gap: float) -> None:
    """It is brought up to the wall within rounding; an agent stands close behind the wall."""
    play = game([THIN], [(5.3, 6.0, EAST)], [(7.4, 6.0, WEST)], {0: (6.3 - gap, 6.0, *CUBE)})
    act(play, 1, move())
    play.env.world.vel[0, 0] = 0.02 / 0.6, 0.0
    act(play, 1, move(), move())
    assert box(play)[0] + 0.6 < 6.9
    assert play.env.objects.near[0, 1] == 0
    assert play.env.objects.holding[0].tolist() == [0, -1]


@pytest.mark.parametrize("gap", [-1e-5, 0.0, 5e-6])
def test_a_box_that_touches_walls_may_go_along_them_and_away(gap: float) -> None:
    """An older state may have it so; between two walls it is not there for ever."""
    walls = [(6.0, y, 1.0, 0.1) for y in (5.3 - gap, 6.7 + gap)]
    play = alone(4.3, 6.0, EAST, walls, box_0=(5.2, 6.0, *CUBE))
    act(play, 15, move(BACK))
    assert box(play)[0] + 0.6 < 5.0
    act(play, 30, move(AHEAD))  # but not in again: it is too wide for that
    assert box(play)[0] + 0.6 < 5.0


def test_a_box_that_touches_a_wall_goes_no_closer() -> None:
    play = alone(5.3, 6.0, EAST, [THIN], box_0=(6.3, 6.0, *CUBE))
    act(play, 5, move(AHEAD, strafe=2))
    assert box(play)[0] == np.float32(6.3)
    assert box(play)[1] > 6.1
    act(play, 5, move(BACK))
    assert box(play)[0] < 6.2


@pytest.mark.parametrize("gap", [2e-5, 1e-3])
def test_a_plank_at_a_wall_turns_where_it_has_room(gap: float) -> None:
    """In a doorway, away from its holder: its near face stays where it is."""
    walls = [(6.0, 2.75, 0.1, 2.75), (6.0, 9.25, 0.1, 2.75)]
    play = alone(5.7, 6.0, EAST, walls, box_2=(6.3 + gap, 6.0, *UPRIGHT))
    act(play, 12, move(turn=LEFT))
    np.testing.assert_allclose(box(play, 2), [7.1 + gap, 6.0, *FLAT], atol=1e-5)


@pytest.mark.parametrize("gap", [0.0, 0.02, 0.3, 0.9, 1.5])
@pytest.mark.parametrize("turn", [LEFT, 1])
def test_a_plank_does_not_snap_into_a_wall(gap: float, turn: int) -> None:
    """It turns away from its holder, and only where there is room: 1.6 m beyond its far side."""
    wall = (6.7 + gap + 0.1, 6.0, 0.1, 3.0)
    play = alone(6.0, 6.0, EAST, [wall], box_2=(6.5, 6.0, *UPRIGHT))
    act(play, 12, move(turn=turn))
    x, y, half_x, half_y = box(play, 2)
    assert x + half_x <= 6.7 + gap + 1e-4
    assert (half_x, half_y) == pytest.approx(UPRIGHT)
    assert y == 6.0
    play.env.layouts.walls[:, 0] += 3.0  # the wall is gone: now it does what it could not
    act(play, 1, move())
    assert box(play, 2)[2:] == pytest.approx(FLAT)
    assert box(play, 2)[0] - 1.0 == pytest.approx(6.3)  # its near face stays on its line


@pytest.mark.parametrize("side", [EAST, NORTH, WEST, SOUTH])
@pytest.mark.parametrize("half", [FLAT, UPRIGHT])
def test_a_plank_turns_with_its_holder(side: int, half: tuple[float, float]) -> None:
    ahead = np.array({EAST: (1, 0), NORTH: (0, 1), WEST: (-1, 0), SOUTH: (0, -1)}[side], float)
    middle = 6.0 + ahead * (np.array(half) + 0.3)
    play = alone(6.0, 6.0, side, [], box_1=(*middle, *half))
    act(play, 7, move(turn=LEFT))
    assert box(play, 1)[2:] == pytest.approx(half)
    act(play, 1, move(turn=LEFT))
    assert box(play, 1)[2:] == pytest.approx(half[::-1])
    to_middle = 6.0 + ahead * (np.array(half[::-1]) + 0.3)
    np.testing.assert_allclose(box(play, 1)[:2], to_middle, atol=1e-5)
    assert play.env.objects.holding[0, 0] == 1
    act(play, 8, move(turn=LEFT))
    np.testing.assert_allclose(box(play, 1), [*middle, *half], atol=1e-5)


def test_a_plank_is_not_turned_into_its_holder() -> None:
    """At its corner a holder has less room beside the face than to the corner."""
    play = alone(6.0, 6.0, EAST, [], box_2=(7.2, 6.39, *FLAT))
    act(play, 1, move())
    assert play.env.objects.holding[0, 0] == 2
    act(play, 12, move(turn=LEFT))
    assert box(play, 2)[2:] == pytest.approx(FLAT)


def test_a_plank_is_not_turned_into_an_agent() -> None:
    play = game([], [(6.0, 6.0, EAST)], [(7.5, 6.3, EAST)], objects={2: (6.5, 6.0, *UPRIGHT)})
    act(play, 12, move(turn=LEFT))
    assert box(play, 2)[2:] == pytest.approx(UPRIGHT)
    act(play, 10, move(turn=2), (1, 2, 2, 0, 0))  # it goes out of the way
    assert box(play, 2)[2:] == pytest.approx(FLAT)


def test_what_is_counted() -> None:
    """Meters by what, who and when; a lock once, however long one holds the key."""
    hiders: list[Place] = [(6.0, 6.0, EAST), (6.0, 2.0, EAST)]
    objects = {0: (6.9, 6.0, *CUBE), 4: (6.7, 2.0, *RAMP)}
    play = game([], [FAR_AWAY], hiders, time=0, objects=objects)
    idle = (1, 1, 2, 0, 0)
    act(play, 10, idle, move(AHEAD), move(AHEAD))
    moved = box(play)[0] - 6.9
    stage = play.env.objects.stage[0]
    np.testing.assert_allclose(stage[[0, 3]], moved, rtol=1e-4)
    assert not stage[[1, 2, 4, 5]].any()
    act(play, 3, idle, move(grab=0, lock=TAKE))
    play.env.world.time[0] = play.env.world.prep_steps[0]
    act(play, 10, idle, move(AHEAD), move(AHEAD))
    assert stage[0] == pytest.approx(moved, rel=1e-4)
    assert stage[4] > 1.0
    assert list(stage[6:9]) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("level", ["L1", "L2", "L3", "L4", "Q"])
def test_grab_is_not_disabled_at_any_level(level: str) -> None:
    """Random agents that heed their masks come to hold and to move something."""
    play = make_play(24, level=level)
    play.reset(*range(24))
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        actions = play.random_actions(rng)
        for spec in play.env.teams:
            mask = play.out[spec.name].action_mask
            actions[spec.name][..., GRAB] = mask[..., 12]
            actions[spec.name][..., LOCK] = NONE
            frozen = ~play.out[spec.name].valid
            actions[spec.name][frozen] = (1, 1, 2, 0, 0)
        play.step(actions)
        held += int(np.sum(play.env.objects.holding >= 0))
    assert held > 20
    assert play.env.objects.stage[:, :6].sum() > 1.0
