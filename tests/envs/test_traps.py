"""Mistakes that other hide-and-seek environments made, one test each."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.layouts import free_cells, walls_of
from envs.hide_and_seek.spaces import AGENTS_AT, FORWARD, NOOP, STRAFE, TURN
from tests.envs.playing import Play, make_play, place
from tests.envs.test_layouts import flood

EAST, NORTH, WEST, SOUTH = 0, 8, 16, 24
OPEN_FIELD: list = []


def slots(play: Play, team: str, k: int) -> np.ndarray:
    """The five other-agent slots [5, 10] of one agent's observation."""
    return play.out[team].obs[0, k, AGENTS_AT : AGENTS_AT + 50].reshape(5, 10)


def test_each_visible_agent_fills_its_own_slot() -> None:
    """Three against three, all in one view, each at its own distance."""
    seekers = [(1.0, 6.0, EAST), (2.0, 5.0, EAST), (3.0, 7.0, EAST)]
    hiders = [(5.0, 6.5, WEST), (7.0, 5.0, WEST), (9.0, 7.5, WEST)]
    play = place(OPEN_FIELD, seekers, hiders, level="L3")
    everyone = [*seekers, *hiders]
    seen = slots(play, "seeker", 0)
    expected = [np.hypot(x - 1.0, y - 6.0) for x, y, _ in everyone[1:]]
    np.testing.assert_allclose(seen[:, 3] * 12.0 * np.sqrt(2.0), expected, rtol=1e-5)
    seen = slots(play, "hider", 1)  # sees no hider behind it: slots 0 (hider 0, ahead), 1
    assert seen[0, 0] == 1.0
    assert not seen[1].any()
    expected = [np.hypot(x - 7.0, y - 5.0) for x, y, _ in seekers]
    np.testing.assert_allclose(seen[2:, 3] * 12.0 * np.sqrt(2.0), expected, rtol=1e-5)


def test_a_smaller_team_keeps_the_slots_of_the_larger_one() -> None:
    play = place(OPEN_FIELD, [(1.0, 6.0, EAST)], [(5.0, 6.0, WEST)], level="L0")
    seen = slots(play, "seeker", 0)
    assert not seen[[0, 1, 3, 4]].any()
    assert seen[2, 0] == 1.0


def test_a_lidar_miss_is_the_full_range_not_zero() -> None:
    play = place(OPEN_FIELD, [(6.0, 6.0, EAST)], [(1.0, 1.0, EAST)], level="L0", lidar_range=3.0)
    assert np.all(play.out["seeker"].obs[0, 0, 12:44] == 1.0)


@pytest.mark.parametrize("heading", [EAST, NORTH, WEST, SOUTH])
@pytest.mark.parametrize(
    ("head", "choice", "ahead", "left", "turn"),
    [
        (FORWARD, 0, -1, 0, 0),
        (FORWARD, 2, 1, 0, 0),
        (STRAFE, 0, 0, -1, 0),
        (STRAFE, 2, 0, 1, 0),
        (TURN, 0, 0, 0, -2),
        (TURN, 1, 0, 0, -1),
        (TURN, 3, 0, 0, 1),
        (TURN, 4, 0, 0, 2),
    ],
)
def test_an_action_bin_does_what_it_says(
    heading: int, head: int, choice: int, ahead: int, left: int, turn: int
) -> None:
    play = place(OPEN_FIELD, [(6.0, 6.0, heading)], [(1.0, 1.0, EAST)], level="L0")
    actions = play.noop()
    actions["seeker"][0, 0, head] = choice
    play.step(actions)
    forward = {EAST: (1, 0), NORTH: (0, 1), WEST: (-1, 0), SOUTH: (0, -1)}[heading]
    towards_left = (-forward[1], forward[0])
    moved = (play.env.world.pos[0, 0] - np.float32(6.0)) * 10.0
    expected = ahead * np.array(forward) + left * np.array(towards_left)
    np.testing.assert_allclose(moved, expected, atol=1e-4)
    assert play.env.world.heading[0, 0] == (heading + turn) % 32


def test_noop_is_all_stay() -> None:
    play = place(OPEN_FIELD, [(6.0, 6.0, EAST)], [(1.0, 1.0, NORTH)], level="L0")
    before = play.env.world.pos.copy()
    play.step(play.noop())
    assert np.array_equal(play.env.world.pos, before)
    assert NOOP == (1, 1, 2, 0, 0)


def test_a_diagonal_is_no_faster_and_top_speed_is_a_quarter_metre() -> None:
    play = place(OPEN_FIELD, [(2.0, 2.0, EAST)], [(2.0, 10.0, EAST)], level="L0")
    actions = play.noop()
    actions["seeker"][0, 0, [FORWARD, STRAFE]] = 2
    actions["hider"][0, 0, FORWARD] = 2
    for _ in range(20):
        before = play.env.world.pos[0].copy()
        play.step(actions)
        strides = np.linalg.norm(play.env.world.pos[0] - before, axis=-1)
        assert strides.max() <= 0.25 + 1e-5
    np.testing.assert_allclose(strides, 0.25, atol=1e-4)


@pytest.mark.parametrize("heading", range(0, 32, 3))
def test_nobody_leaves_the_arena(heading: int) -> None:
    play = place(OPEN_FIELD, [(6.0, 6.0, heading)], [(6.0, 4.0, heading)], level="L0")
    actions = play.noop()
    for team in actions.values():
        team[..., FORWARD] = 2
    for _ in range(55):
        play.step(actions)
        assert np.all(play.env.world.pos >= 0.25)
        assert np.all(play.env.world.pos <= 11.75)


def test_a_crowd_cannot_squeeze_an_agent_through_a_wall() -> None:
    """Five agents press a sixth against a thin wall for a whole episode."""
    wall = (6.0, 6.0, 0.1, 6.0)
    crowd = [(4.9, 6.0, EAST), (4.9, 6.6, EAST), (4.9, 5.4, EAST)]
    hiders = [(5.62, 6.0, WEST), (5.3, 6.4, EAST), (5.3, 5.6, EAST)]
    play = place([wall], crowd, hiders, level="L3")
    actions = play.noop()
    for team in actions.values():
        team[..., FORWARD] = 2
    actions["hider"][0, 0, FORWARD] = 0
    for _ in range(100):
        play.step(actions)
        assert play.env.world.pos[0, :, 0].max() <= 5.65 + 1e-3
        assert np.linalg.norm(play.env.world.vel[0], axis=-1).max() <= 0.25 + 1e-5


def test_agents_do_not_sink_into_each_other() -> None:
    play = place(OPEN_FIELD, [(5.0, 6.0, EAST)], [(7.0, 6.0, WEST)], level="L0")
    actions = play.noop()
    for team in actions.values():
        team[..., FORWARD] = 2
    for _ in range(40):
        play.step(actions)
        apart = np.linalg.norm(play.env.world.pos[0, 0] - play.env.world.pos[0, 1])
        assert apart > 0.49


@pytest.mark.parametrize("touch", [0.25, 0.2501, 0.26])
def test_no_sight_through_a_wall_that_the_viewer_touches(touch: float) -> None:
    wall = (6.0, 6.0, 0.1, 2.0)
    play = place([wall], [(5.9 - touch, 6.0, EAST)], [(6.1 + touch, 6.0, WEST)], level="L0")
    assert not play.env.world.sees.any()
    assert not slots(play, "seeker", 0).any()


def test_a_hidden_agent_leaves_only_zeros() -> None:
    """Neither behind a wall nor behind the back does anything of it show."""
    wall = (4.0, 6.0, 0.1, 2.0)
    play = place([wall], [(2.0, 6.0, EAST)], [(8.0, 6.0, EAST)], level="L0")
    for team in ("seeker", "hider"):
        assert not play.out[team].obs[0, 0, 44:].any()


def test_seekers_are_blind_in_the_preparation_and_hiders_are_not() -> None:
    seekers, hiders = [(2.0, 6.0, EAST), (2.0, 7.0, EAST)], [(4.0, 6.0, WEST), (4.0, 7.0, WEST)]
    play = place(OPEN_FIELD, seekers, hiders, time=0, level="L2")
    for k in range(2):
        assert not play.out["seeker"].obs[0, k, 44:].any()
        assert slots(play, "hider", k)[2:4, 0].all()
    assert not slots(play, "hider", 0)[2:4, 9].any()  # and they know that nobody looks back
    play = place(OPEN_FIELD, seekers, hiders, level="L2")
    for k in range(2):
        assert slots(play, "seeker", k)[2:4, 0].all()
    assert slots(play, "hider", 0)[2:4, 9].all()


@pytest.mark.parametrize("level", ["L0", "L1", "L2", "L3"])
def test_nobody_starts_sealed_in_a_pocket_or_on_top_of_another(level: str) -> None:
    play = make_play(48, level=level, num_seekers=3, num_hiders=3)
    play.reset(*range(48))
    world, bank = play.env.world, play.env.layouts
    for n in range(48):
        layout = world.layout[n]
        free = flood(free_cells(walls_of(bank, int(layout)), 0.25))
        for x, y in world.pos[n]:
            # The start itself is a shift of at most 0.1 m from a cell's middle.
            assert free[int(y / 0.25), int(x / 0.25)]
        gaps = world.pos[n][:, None] - world.pos[n][None]
        apart = np.linalg.norm(gaps, axis=-1)[np.triu_indices(6, 1)]
        assert apart.min() > 0.5
    assert len(np.unique(world.layout)) > 1  # and the arenas take turns


def test_grab_and_lock_are_masked_and_harmless_until_there_are_boxes() -> None:
    play = place(OPEN_FIELD, [(6.0, 6.0, EAST)], [(1.0, 1.0, EAST)], level="L0")
    assert list(play.out["hider"].action_mask[0, 0, 11:]) == [True, False, True, False, False]
    actions = play.noop()
    actions["hider"][..., 3], actions["hider"][..., 4] = 1, 2
    before = play.env.world.pos.copy()
    play.step(actions)
    assert np.array_equal(play.env.world.pos, before)
