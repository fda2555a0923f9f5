"""What a value function may read: all of a world, whoever sees it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.spaces import (
    AGENTS_AT,
    BOXES_AT,
    DOORS_AT,
    GAME_AT,
    OBS_BOUND,
    RAMPS_AT,
    STATE_BOXES_AT,
    STATE_RAMPS_AT,
    STATE_SIZE,
    live_columns,
    live_state_columns,
)
from tests.envs import reference_objects
from tests.envs.crowds import DOORS, WORLDS, crowded_worlds, row_of, scene_of
from tests.envs.playing import Play, assert_same, make_play, use_objects

EAST, WEST = 0, 16


def state_of(play: Play, n: int, a: int) -> np.ndarray:
    """The state of agent a of world n."""
    count = play.env.config.num_seekers
    team, k = ("seeker", a) if a < count else ("hider", a - count)
    state = play.out[team].state
    assert state is not None
    row: np.ndarray = state[n, k]
    return row


@pytest.mark.parametrize("seekers", [1, 3])
def test_crowded_worlds_agree_with_the_reference(seekers: int) -> None:
    play = crowded_worlds(7, seekers=seekers)
    world = play.env.world
    for n in range(WORLDS):
        scene = scene_of(play, n)
        for a in range(seekers + 3):
            row = state_of(play, n, a)
            sees, was_seen = world.sees[n], bool(world.first_seen[n] >= 0)
            vel = world.vel[n].astype(float)
            expected = reference_objects.state(scene, a, vel, sees, DOORS, was_seen)
            np.testing.assert_array_equal(row[:AGENTS_AT], row_of(play, n, a)[0][:AGENTS_AT])
            np.testing.assert_allclose(row[AGENTS_AT:], expected, atol=1e-3)
            assert np.abs(row).max() <= OBS_BOUND
    shares = np.concatenate(
        [state_of(play, n, 0)[DOORS_AT + 5 : GAME_AT : 6] for n in range(WORLDS)]
    )
    assert (shares == 0).any()
    assert (shares == 1).any()
    assert ((shares > 0) & (shares < 1)).any()


def test_of_what_is_seen_the_state_says_what_the_observation_does() -> None:
    play = crowded_worlds(3)
    compared = 0
    for n in range(WORLDS):
        for a in range(6):
            row, state = row_of(play, n, a)[0], state_of(play, n, a)
            kinds = [
                *((AGENTS_AT + 10 * k, AGENTS_AT + 13 * k, 10) for k in range(5)),
                *((BOXES_AT + 12 * k, STATE_BOXES_AT + 14 * k, 12) for k in range(4)),
                *((RAMPS_AT + 8 * k, STATE_RAMPS_AT + 10 * k, 8) for k in range(2)),
            ]
            for at, state_at, size in kinds:
                if row[at]:
                    np.testing.assert_array_equal(row[at:][:size], state[state_at:][:size])
                    compared += 1
    assert compared > 500


def test_without_a_place_for_it_the_state_is_not_written_and_the_game_is_the_same() -> None:
    with_state, without = (make_play(3, level="L2", state=wanted) for wanted in (True, False))
    rng = np.random.default_rng(0)
    for play in (with_state, without):
        use_objects(play)
        play.reset(1, 2, 3)
    assert without.out["seeker"].state is None
    for _ in range(110):
        actions = with_state.random_actions(rng)
        for play in (with_state, without):
            play.step(actions)
        assert_same(with_state.everything(), without.everything())


def test_every_element_is_written_and_only_live_columns_are_other_than_zero() -> None:
    play = make_play(16, level="L2", state=True)
    play.reset(*range(16))
    rng = np.random.default_rng(0)
    found = {spec.name: np.zeros(STATE_SIZE, bool) for spec in play.env.teams}
    for _ in range(120):
        for team in play.out.values():
            assert team.state is not None
            team.state[:] = np.nan
        play.step(play.random_actions(rng))
        for name, team in play.out.items():
            assert team.state is not None
            assert np.all(np.abs(team.state) <= OBS_BOUND)
            found[name] |= team.state.any(axis=(0, 1))
    for spec in play.env.teams:
        assert spec.state_size == STATE_SIZE
        assert set(np.flatnonzero(found[spec.name])) <= set(spec.live_state or ())


@pytest.mark.parametrize(("boxes", "ramps"), [(0, 0), (2, 0), (4, 2)])
def test_live_columns_of_worlds_with_objects(boxes: int, ramps: int) -> None:
    """In crowded worlds all of them are other than 0 somewhere, and no others are."""
    play = crowded_worlds(1)
    gone = [*range(boxes, 4), *range(4 + ramps, 6)]
    objects = play.env.objects
    objects.object_rect[:, gone] = (-100.0, -100.0, 0.0, 0.0)
    objects.holding[np.isin(objects.holding, gone)] = -1
    if not ramps:
        objects.climb[:] = 0
    play.env.observe(play.out)
    for team in play.out.values():
        assert team.state is not None
        found = set(np.flatnonzero(team.obs.any(axis=(0, 1))))
        assert found == set(live_columns(2, 3, boxes, ramps))
        found = set(np.flatnonzero(team.state.any(axis=(0, 1))))
        assert found == set(live_state_columns(2, 3, boxes, ramps, doors=5))
