"""Ramps by hand: going up, over and down, and coming down where there is hardly any room."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.kernels.physics import overlap_depth
from tests.envs.by_hand import CUBE, EAST, FAR_AWAY, NORTH, RAMP, WEST, act, game
from tests.envs.playing import Place, Play, Rect

PLANK = (1.0, 0.2)
WALL: Rect = (6.0, 6.0, 0.1, 6.0)  # through the whole arena
GO, IDLE = (2, 1, 2, 0, 0), (1, 1, 2, 0, 0)


def climb_of(play: Play, a: int = 0) -> int:
    return int(play.env.objects.climb[0, a])


def crossings(play: Play) -> list[float]:
    """Of hiders, of seekers."""
    return play.env.objects.stage[0, 9:11].tolist()


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.19])
def test_over_a_wall_by_a_ramp(gap: float) -> None:
    play = game([WALL], [(4.5, 6.0, EAST)], [FAR_AWAY], {4: (5.5 - gap, 6.0, *RAMP)})
    ups = []
    for _ in range(20):
        act(play, 1, GO)
        ups.append(climb_of(play))
    assert play.env.world.pos[0, 0, 0] > 7.0
    assert max(ups) == 8
    assert ups[-1] == 0
    assert crossings(play) == [0.0, 1.0]


@pytest.mark.parametrize("gap", [0.21, 0.5])
def test_a_ramp_that_stands_alone_leads_nowhere(gap: float) -> None:
    play = game([WALL], [(4.5, 6.0, EAST)], [FAR_AWAY], {4: (5.5 - gap, 6.0, *RAMP)})
    for _ in range(30):
        act(play, 1, GO)
        assert climb_of(play) == 0
    assert play.env.world.pos[0, 0, 0] == pytest.approx(5.65, abs=2e-3)
    assert crossings(play) == [0.0, 0.0]


def test_without_a_ramp_nobody_climbs() -> None:
    play = game([WALL], [(5.0, 6.0, EAST)], [FAR_AWAY], {0: (3.0, 6.0, *CUBE)})
    act(play, 30, GO)
    assert play.env.world.pos[0, 0, 0] <= 5.65 + 2e-3


def test_a_ramp_in_somebodys_hands_is_not_climbed() -> None:
    """Not by its holder, not by others; once it is let go it is."""
    hiders: list[Place] = [(5.5, 5.2, NORTH), (4.5, 6.1, EAST)]
    play = game([WALL], [FAR_AWAY], hiders, {4: (5.5, 6.0, *RAMP)})
    hold = (1, 1, 2, 1, 0)
    act(play, 12, IDLE, hold, GO)
    assert play.env.objects.holding[0, 1] == 4
    assert play.env.world.pos[0, 2, 0] > 5.4  # it stands on the ramp
    assert climb_of(play, 2) == 0
    act(play, 1, IDLE, IDLE, GO)
    assert climb_of(play, 2) > 0


def test_who_climbs_lets_go_and_reaches_nothing() -> None:
    """With a box in its hands it walks onto a ramp."""
    objects = {0: (6.4, 6.0, *CUBE), 4: (5.5, 4.9, *RAMP)}
    wall = (5.0, 4.9, 0.1, 1.0)
    play = game([wall], [(5.5, 6.0, EAST)], [FAR_AWAY], objects)
    act(play, 1, (1, 1, 2, 1, 0))
    assert play.env.objects.holding[0, 0] == 0
    for _ in range(12):
        act(play, 1, (1, 0, 2, 1, 1))  # to its right, down to the ramp; it would lock, too
        objects_now = play.env.objects
        if climb_of(play):
            break
        objects_now.lock_team[0, 0] = 0
    assert climb_of(play) == 8
    assert objects_now.holding[0, 0] == -1
    assert objects_now.near[0, 0] == 0
    locked = objects_now.lock_team[0].copy()
    act(play, 1, (1, 1, 2, 1, 1))
    assert np.array_equal(objects_now.lock_team[0], locked)


@pytest.mark.parametrize("width", [0.5, 1.0, 1.9])
def test_after_eight_steps_up_one_comes_down(width: float) -> None:
    """Onto the nearest free place, from a wide plateau as from one narrow enough to cross."""
    block: Rect = (6.0 + width, 6.0, width, 4.0)
    play = game([block], [(5.0, 6.0, EAST)], [FAR_AWAY], {5: (5.55, 6.0, *RAMP)})
    over, ups = 0, 0
    for _ in range(60):
        ups = climb_of(play)
        act(play, 1, GO)
        x, y = play.env.world.pos[0, 0]
        walls = play.env.layouts.walls[0]
        if overlap_depth(x, y, walls, 1) > 1e-3:
            over += 1
            assert climb_of(play) == 8 - over
        else:
            over = 0
        assert over < 8
        if climb_of(play) == 0 and ups > 0:
            break
    assert climb_of(play) == 0
    assert crossings(play)[1] == (width < 1.5)  # else it came down where it went up
    x, y = play.env.world.pos[0, 0].astype(float)
    assert abs(y - 6.0) < 2.5
    if width > 1.0:
        assert not play.env.world.vel[0, 0].any()  # it fell, and stands still


def test_a_landing_avoids_agents_and_boxes() -> None:
    """Between two walls stand agents and a box: the place that is left is taken, or it waits."""
    walls: list[Rect] = [(5.0, 6.0, 0.5, 0.6)]
    crowd: list[Place] = [(4.2, 6.0, EAST), (5.8, 6.0, EAST), (5.0, 6.9, EAST), (4.2, 5.4, EAST)]
    play = game(walls, [(5.0, 6.0, EAST), *crowd[:2]], crowd[2:], {0: (5.2, 4.7, *CUBE)})
    play.env.objects.climb[0, 0] = 1
    others = play.env.world.pos[0, 1:].copy()
    act(play, 1, IDLE)
    assert climb_of(play) == 0
    pos = play.env.world.pos[0].astype(float)
    assert np.linalg.norm(pos[1:] - pos[0], axis=1).min() >= 0.5 - 1e-5
    assert np.array_equal(play.env.world.pos[0, 1:], others)
    rects = np.concatenate([play.env.layouts.walls[0].T, play.env.objects.object_rect[0, :4]])
    solids = np.ascontiguousarray(np.pad(rects, ((0, 4), (0, 0))).T)
    assert overlap_depth(*play.env.world.pos[0, 0], solids, len(rects)) == 0.0


def test_where_no_place_is_free_it_stays_up() -> None:
    """A block of the size of the arena has no place around; with one, it comes down there."""
    block: Rect = (6.0, 6.0, 5.0, 5.0)
    play = game([block], [(6.0, 6.0, EAST)], [(0.5, 0.5, EAST)], {4: (11.5, 11.5, *RAMP)})
    play.env.objects.climb[0, 0] = 1
    act(play, 5, IDLE)
    assert climb_of(play) == 1
    assert np.array_equal(play.env.world.pos[0, 0], [6.0, 6.0])
    play.env.layouts.walls[0, :, 0] = (6.0, 6.0, 1.5, 5.0)
    act(play, 1, IDLE)
    assert climb_of(play) == 0
    assert abs(play.env.world.pos[0, 0, 0] - 6.0) == pytest.approx(1.8, abs=1e-3)


def test_up_there_the_border_still_stops() -> None:
    block: Rect = (11.0, 6.0, 1.0, 2.0)
    play = game([block], [(9.0, 6.0, EAST)], [FAR_AWAY], {4: (9.6, 6.0, *RAMP)})
    for _ in range(60):
        act(play, 1, GO)
        assert 0.25 <= play.env.world.pos[0, 0, 0] <= 11.75


def test_agents_up_there_are_in_each_others_way() -> None:
    block: Rect = (6.0, 6.0, 1.0, 1.0)
    play = game([block], [(5.6, 6.0, EAST)], [(6.4, 6.0, WEST)], {4: (9.6, 6.0, *RAMP)})
    for _ in range(7):
        play.env.objects.climb[0, :2] = 8
        act(play, 1, GO, GO)
        apart = np.linalg.norm(play.env.world.pos[0, 0] - play.env.world.pos[0, 1])
        assert apart > 0.49


def test_back_on_the_ramp_the_steps_start_anew_and_nothing_has_been_crossed() -> None:
    """Over the edge of the wall and back, to the ground beside the wall in the end."""
    play = game([WALL], [(5.45, 6.0, EAST)], [FAR_AWAY], {4: (5.45, 6.0, *RAMP)})
    for _ in range(3):
        act(play, 3, GO)
        assert climb_of(play) < 8  # over the wall
        assert play.env.objects.crossed[0, 0]
        act(play, 6, (0, 1, 2, 0, 0))
        assert climb_of(play) in (0, 8)
        act(play, 3, GO)
    act(play, 1, (1, 1, 2, 0, 0))
    act(play, 12, (0, 0, 2, 0, 0))
    assert climb_of(play) == 0
    assert play.env.world.pos[0, 0, 0] < 5.5
    assert crossings(play) == [0.0, 0.0]


@pytest.mark.parametrize("k", [0, 4])
def test_who_is_up_pins_what_it_is_over(k: int) -> None:
    """Neither the box under an agent nor its ramp moves, whoever holds it."""
    objects = {0: (6.0, 6.0, *CUBE), 4: (5.0, 6.0, *RAMP)}
    spots = {0: (6.0, 6.3, NORTH), 4: (5.3, 6.0, NORTH)}
    holders: dict[int, Place] = {0: (6.9, 6.0, WEST), 4: (4.4, 6.0, EAST)}
    play = game([], [spots[k]], [holders[k]], objects)
    play.env.objects.climb[0, 0] = 8
    play.env.objects.holding[0, 1] = k
    before = play.env.objects.object_rect[0].copy()
    act(play, 1, IDLE, (0, 1, 2, 1, 0))
    act(play, 2, IDLE, (1, 2, 2, 1, 0))
    assert np.array_equal(play.env.objects.object_rect[0], before)


def test_frozen_seekers_do_not_climb_about() -> None:
    play = game(
        *([WALL], [(5.5, 6.0, EAST)], [(5.5, 7.0, EAST)]), objects={4: (5.45, 6.0, *RAMP)}, time=0
    )
    act(play, 15, GO, (1, 0, 2, 1, 0))
    assert np.array_equal(play.env.world.pos[0, 0], np.array([5.5, 6.0], np.float32))
