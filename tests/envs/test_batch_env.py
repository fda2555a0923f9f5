"""The BatchEnv contract: seeds, twins, states, buffers, ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.batch_env import ObsBuffers, TeamSpec
from envs.hide_and_seek.spaces import (
    BOX_SIZE,
    BOX_SLOTS,
    BOXES_AT,
    CLIMBS_AT,
    HOLDS_AT,
    NOOP,
    RAMP_SIZE,
    RAMP_SLOTS,
    RAMPS_AT,
)
from tests.envs.playing import Play, assert_same, make_play

GAME: dict[str, Any] = {
    "level": "L3",
    "num_seekers": 2,
    "num_hiders": 3,
    "prep_steps": 4,
    "episode_steps": 11,
}


def run(play: Play, steps: int, seed: int = 0) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        play.step(play.random_actions(rng))
        seen.append(play.everything())
    return seen


def test_team_spec() -> None:
    spec = TeamSpec("seeker", ("seeker_0", "seeker_1"), 158, (3, 3, 5, 2, 3))
    assert (spec.num_agents, spec.num_logits, spec.policy_id) == (2, 16, "seeker_policy")
    buffers = ObsBuffers.allocate(spec, 7)
    assert buffers.obs.shape == (7, 2, 158)
    assert buffers.action_mask.shape == (7, 2, 16)
    assert buffers.valid.shape == (7, 2)


def test_teams_are_named_and_ordered() -> None:
    teams = make_play(1, **GAME).env.teams
    assert [spec.name for spec in teams] == ["seeker", "hider"]
    assert teams[0].agents == ("seeker_0", "seeker_1")
    assert teams[1].agents == ("hider_0", "hider_1", "hider_2")
    assert {(spec.obs_size, spec.nvec) for spec in teams} == {(158, (3, 3, 5, 2, 3))}


def test_twin_seeds_give_twin_games() -> None:
    first, second = make_play(3, **GAME), make_play(3, **GAME)
    for play in (first, second):
        play.reset(3, 1, 2)
    for a, b in zip(run(first, 30), run(second, 30), strict=True):
        assert_same(a, b)


def test_reset_obeys_its_seeds_whatever_was_played_before() -> None:
    play = make_play(2, **GAME)
    play.reset(10, 11)
    first = play.out["hider"].obs.copy()
    run(play, 7)
    play.reset(10, 11)
    np.testing.assert_array_equal(first, play.out["hider"].obs)
    play.reset(12, 11)
    other = play.out["hider"].obs
    assert not np.array_equal(first[0], other[0])
    np.testing.assert_array_equal(first[1], other[1])


def test_a_world_among_many_plays_the_same_games_as_alone() -> None:
    """Over three episodes and a bit: the streams of later episodes are the world's own, too."""
    seeds = [5, 2**64 - 1, 0, 123]
    together = make_play(4, **GAME)
    together.reset(*seeds)
    alone = [make_play(1, **GAME) for _ in seeds]
    for play, seed in zip(alone, seeds, strict=True):
        play.reset(seed)
    rng = np.random.default_rng(0)
    for _ in range(36):
        actions = together.random_actions(rng)
        together.step(actions)
        for n, play in enumerate(alone):
            play.step({team: given[n : n + 1] for team, given in actions.items()})
            parts = [array[n : n + 1] for array in together.everything()]
            assert_same(play.everything(), parts)


def test_worlds_of_one_batch_differ() -> None:
    play = make_play(8, **GAME)
    play.reset(*range(8))
    starts = play.out["hider"].obs[:, 0, :2]
    assert len(np.unique(starts, axis=0)) == 8


@pytest.mark.parametrize("steps", [3, 14])
def test_state_restores_exactly_in_mid_episode(steps: int) -> None:
    first = make_play(3, **GAME, shaping_beta=0.3)
    first.reset(1, 2, 3)
    run(first, steps)
    state = first.env.get_state()
    ahead = run(first, 25, seed=9)
    second = make_play(3, **GAME, shaping_beta=0.3)
    second.env.set_state(state)
    second.env.observe(second.out)
    back = run(second, 25, seed=9)
    for a, b in zip(ahead, back, strict=True):
        assert_same(a, b)
    states = zip(first.env.get_state().values(), second.env.get_state().values(), strict=True)
    for one, other in states:
        np.testing.assert_array_equal(one, other)


def test_the_weight_of_the_shaping_is_the_configurations_not_the_states() -> None:
    shaped, plain = make_play(3, **GAME, shaping_beta=0.3), make_play(3, **GAME, shaping_beta=0.0)
    shaped.reset(1, 2, 3)
    run(shaped, 14)
    plain.env.set_state(shaped.env.get_state())
    assert plain.env.rules.beta == 0.0


def test_state_is_a_copy_of_plain_arrays() -> None:
    play = make_play(2, **GAME)
    play.reset(1, 2)
    state = play.env.get_state()
    kept = {name: array.copy() for name, array in state.items()}
    run(play, 5)
    for name, array in state.items():
        assert type(array) is np.ndarray
        assert array.dtype != object
        np.testing.assert_array_equal(array, kept[name])


def test_observe_repeats_the_last_observation() -> None:
    play = make_play(2, **GAME)
    play.reset(1, 2)
    run(play, 6)
    expected = play.everything()
    for spec in play.env.teams:
        play.out[spec.name].obs[:] = np.nan
        play.out[spec.name].action_mask[:] = False
        play.out[spec.name].valid[:] = False
    play.env.observe(play.out)
    assert_same(expected, play.everything())


def test_every_element_of_every_buffer_is_written() -> None:
    """Two runs, one into garbage of one kind, one into garbage of another, look alike."""
    runs = []
    for obs, flag in [(np.nan, True), (-7.0, False)]:
        play = make_play(3, **GAME)

        def spoil(play: Play = play, obs: float = obs, flag: bool = flag) -> None:
            play.dones[:] = flag
            for spec in play.env.teams:
                play.out[spec.name].obs[:] = obs
                play.out[spec.name].action_mask[:] = flag
                play.out[spec.name].valid[:] = flag
                play.rewards[spec.name][:] = obs

        spoil()
        play.reset(1, 2, 3)
        rng = np.random.default_rng(0)
        for _ in range(15):
            spoil()
            play.step(play.random_actions(rng))
            runs.append(play.everything())
    for a, b in zip(runs[:15], runs[15:], strict=True):
        assert_same(a, b)


def test_buffers_may_be_views_of_a_rollout() -> None:
    plain, view = make_play(2, **GAME), make_play(2, **GAME)
    rollout = np.zeros((5, 2, 3, 158), np.float32)
    for play in (plain, view):
        play.reset(1, 2)
    rng = np.random.default_rng(0)
    for t in range(5):
        view.out["hider"].obs = rollout[t]
        actions = plain.random_actions(rng)
        plain.step(actions)
        view.step(actions)
        np.testing.assert_array_equal(rollout[t], plain.out["hider"].obs)


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint8, np.int64])
def test_any_integer_type_will_do_for_actions(kind: type) -> None:
    first, second = make_play(2, **GAME), make_play(2, **GAME)
    rng = np.random.default_rng(0)
    for play in (first, second):
        play.reset(1, 2)
    actions = first.random_actions(rng)
    first.step(actions)
    second.step({team: given.astype(kind) for team, given in actions.items()})
    assert_same(first.everything(), second.everything())


def test_masked_choices_act_as_the_noop() -> None:
    first, second = make_play(2, **GAME), make_play(2, **GAME)
    for play in (first, second):
        play.reset(1, 2)
    rng = np.random.default_rng(0)
    for _ in range(8):  # through the preparation, where the seekers' whole action is masked
        actions = first.random_actions(rng)
        first.step(actions)
        for spec in second.env.teams:
            masks = spec.by_head(second.out[spec.name].action_mask)
            for head, (mask, noop) in enumerate(zip(masks, NOOP, strict=True)):
                chosen = actions[spec.name][..., head]
                is_allowed = np.take_along_axis(mask, chosen[..., None], axis=-1)[..., 0]
                chosen[~is_allowed] = noop
        second.step(actions)
        assert_same(first.everything(), second.everything())


def test_mask_and_valid_follow_the_phase() -> None:
    play = make_play(1, **GAME)
    play.reset(0)
    noop_only = np.zeros(16, bool)
    noop_only[[1, 4, 8, 11, 13]] = True
    moving = np.zeros(16, bool)
    moving[:12] = True
    moving[[12, 13]] = [False, True]
    for time in range(11):
        frozen = time < 4
        expected = noop_only if frozen else moving
        assert np.all(play.out["seeker"].action_mask == expected)
        assert np.all(play.out["seeker"].valid == (not frozen))
        assert np.all(play.out["hider"].action_mask == moving)
        assert play.out["hider"].valid.all()
        play.step(play.noop())


def test_frozen_seekers_neither_move_nor_turn_nor_are_pushed() -> None:
    play = make_play(1, **GAME)
    play.reset(4)
    world = play.env.world
    world.pos[0, 2] = world.pos[0, 0] - np.array([0.5, 0.0], np.float32)  # a hider close by,
    world.heading[0, 2] = 0  # facing the seeker
    before = (world.pos[0, :2].copy(), world.heading[0, :2].copy())
    actions = play.noop()
    actions["seeker"][:] = (2, 2, 4, 0, 0)
    actions["hider"][..., 0] = 2
    for _ in range(4):
        play.step(actions)
        assert np.array_equal(world.pos[0, :2], before[0])
        assert np.array_equal(world.heading[0, :2], before[1])
    play.step(actions)
    assert not np.array_equal(world.pos[0, :2], before[0])


def test_an_episode_ends_at_its_time_limit_and_the_next_begins_in_the_same_step() -> None:
    play = make_play(2, **GAME)
    play.reset(1, 2)
    for time in range(1, 25):
        play.step(play.noop())
        assert np.all(play.dones == (time % 11 == 0))
        left = play.out["hider"].obs[..., 9]
        assert np.allclose(left, (11 - time % 11) / 11)


def test_without_autoreset_the_end_can_be_looked_at_and_the_next_episode_is_the_same() -> None:
    usual, still = make_play(2, **GAME), make_play(2, **GAME, autoreset=False)
    for play in (usual, still):
        play.reset(1, 2)
    rng = np.random.default_rng(0)
    for _ in range(11):
        actions = usual.random_actions(rng)
        usual.step(actions)
        still.step(actions)
    assert still.dones.all()
    assert np.all(still.out["hider"].obs[..., 9] == 0.0)
    still.env.next_episodes(still.out)
    assert_same(usual.everything(), still.everything())


@pytest.mark.parametrize("level", ["L0", "L1", "L3", "L4", "Q"])
def test_columns_that_are_not_live_are_always_zero(level: str) -> None:
    play = make_play(32, level=level)
    play.reset(*range(32))
    random = np.random.default_rng(0)
    seen = {spec.name: np.zeros(spec.obs_size, np.bool_) for spec in play.env.teams}
    for _ in range(120):
        play.step(play.random_actions(random))
        for name, columns in seen.items():
            columns |= play.out[name].obs.any(axis=(0, 1))
    at_hand = {HOLDS_AT, CLIMBS_AT}  # what random moves or four layouts seldom bring
    at_hand |= {
        BOXES_AT + BOX_SIZE * box + k for box in range(BOX_SLOTS) for k in (7, 8, 9, 10, 11)
    }
    at_hand |= {RAMPS_AT + RAMP_SIZE * ramp + k for ramp in range(RAMP_SLOTS) for k in (5, 6, 7)}
    for spec in play.env.teams:
        assert spec.live_columns is not None
        assert set(np.flatnonzero(seen[spec.name])) <= set(spec.live_columns)
        missed = set(spec.live_columns) - set(np.flatnonzero(seen[spec.name])) - at_hand
        assert len(missed) <= 1  # the time to hide may never show in so few worlds


def test_parts_play_what_the_whole_plays() -> None:
    whole, shared = make_play(6, level="L3"), make_play(6, level="L3")
    random = np.random.default_rng(0)
    for play in (whole, shared):
        play.reset(*range(6))
    for _ in range(100):
        actions = whole.random_actions(random)
        whole.step(actions)
        for cut in (slice(0, 4), slice(4, 6)):
            out = {
                name: ObsBuffers(b.obs[cut], b.action_mask[cut], b.valid[cut])
                for name, b in shared.out.items()
            }
            rewards = {name: array[cut] for name, array in shared.rewards.items()}
            part = shared.env.part(cut)
            part.step({k: a[cut] for k, a in actions.items()}, out, rewards, shared.dones[cut])
        assert_same(whole.everything(), shared.everything())
    assert all(
        np.array_equal(array, shared.env.get_state()[name])
        for name, array in whole.env.get_state().items()
    )


@pytest.mark.parametrize("columns", [(1, 0), (0, 0), (-1,), (2,), "01"])
def test_live_columns_are_ascending_columns(columns: Any) -> None:
    with pytest.raises(ValueError, match="live_columns must be ascending columns"):
        TeamSpec("red", ("red_0",), 2, (3,), columns)
