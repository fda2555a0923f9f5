"""Episodes that begin from states visited before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.checks import check_foreign_state
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.kernels.state import allocate_objects, allocate_world
from envs.hide_and_seek.restarts import KEPT, VISITED, Restarts
from tests.envs.playing import Play, assert_same, make_play

GAME: dict[str, Any] = {
    "level": "Q",
    "prep_steps": 6,
    "episode_steps": 18,
    "restart_share": 0.6,
    "restart_slots": 3,
}


def played(play: Play, steps: int, seed: int = 0) -> list[list[np.ndarray]]:
    """All that is to be seen of some random steps; each world has actions of its own."""
    rngs = [np.random.default_rng([seed, n]) for n in range(play.env.num_envs)]
    found = []
    for _ in range(steps):
        actions = {
            spec.name: np.stack(
                [rng.integers(0, spec.nvec, (spec.num_agents, len(spec.nvec))) for rng in rngs]
            )
            for spec in play.env.teams
        }
        play.step(actions)
        found.append(play.everything())
    return found


def visited(play: Play, name: str) -> np.ndarray:
    return play.env.get_state()[f"{VISITED}{name}"]


def test_episodes_begin_where_an_earlier_one_of_the_same_world_was() -> None:
    play = make_play(24, **GAME)
    play.reset(*range(24))
    begun = afresh = 0
    for step in range(150):
        before = {name: visited(play, name) for name in (*KEPT, "worth")}
        played(play, 1, seed=step)
        state = play.env.get_state()
        for n in np.flatnonzero(play.dones):
            slot = state["restart_slot"][n]
            if slot < 0:
                afresh += 1
                assert state["time"][n] == 0
                continue
            begun += 1
            # It may have been filed at this very end, in which case it is new in its slot.
            sources = (
                [before[name][n, slot] for name in KEPT],
                [state[f"{VISITED}{name}"][n, slot] for name in KEPT],
            )
            here = [state[name][n] for name in KEPT]
            assert any(all(map(np.array_equal, source, here)) for source in sources)
            assert state[f"{VISITED}worth"][n, slot] > 0
            assert 0 < state["time"][n] <= 12
            assert state["raw_return"][n] == 0
    assert begun > 20
    assert afresh > 40


def test_what_is_seen_is_that_of_the_visited_state() -> None:
    play = make_play(24, **GAME)
    play.reset(*range(24))
    for step in range(120):
        played(play, 1, seed=step)
        again = {s.name: ObsBuffers.allocate(s, 24) for s in play.env.teams}
        play.env.observe(again)
        for team, buffers in again.items():
            np.testing.assert_array_equal(buffers.obs, play.out[team].obs)
            np.testing.assert_array_equal(buffers.action_mask, play.out[team].action_mask)
            np.testing.assert_array_equal(buffers.valid, play.out[team].valid)


def test_an_episode_from_a_visited_state_has_no_statistics_and_the_others_have_all() -> None:
    play = make_play(24, **GAME)
    play.reset(*range(24))
    counts = {True: 0, False: 0}
    for step in range(150):
        slots = play.env.get_state()["restart_slot"]
        played(play, 1, seed=step)
        for n in np.flatnonzero(play.dones):
            counts[bool(slots[n] >= 0)] += 1
            unknown = np.isnan(play.env.episode_stats[n])
            assert unknown.all() if slots[n] >= 0 else not unknown.any()
    assert min(counts.values()) > 20


def test_a_world_plays_alike_beside_any_number_of_others() -> None:
    many, one = make_play(5, **GAME), make_play(1, **GAME)
    many.reset(0, 1, 2, 3, 4)
    one.reset(0)
    for whole, alone in zip(played(many, 200), played(one, 200), strict=True):
        for several, single in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(several[:1], single)


def test_a_state_goes_on_to_the_same_bits() -> None:
    first, second = make_play(6, **GAME), make_play(6, **GAME)
    first.reset(*range(6))
    played(first, 130)
    state = first.env.get_state()
    second.env.set_state(state)
    for one, other in zip(played(first, 120, 1), played(second, 120, 1), strict=True):
        for mine, yours in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, yours)
    check_foreign_state(state, HideAndSeekConfig(**GAME, num_layouts=4), len(second.env.stat_names))


def test_parts_play_as_the_whole() -> None:
    whole, cut = make_play(6, **GAME), make_play(6, **GAME)
    for play in (whole, cut):
        play.reset(*range(6))
    rng = np.random.default_rng(0)
    for _ in range(130):
        actions = whole.random_actions(rng)
        whole.step(actions)
        for worlds in (slice(0, 2), slice(2, 6)):
            part = cut.env.part(worlds)
            out = {
                team: ObsBuffers(b.obs[worlds], b.action_mask[worlds], b.valid[worlds])
                for team, b in cut.out.items()
            }
            rewards = {team: array[worlds] for team, array in cut.rewards.items()}
            mine = {team: array[worlds] for team, array in actions.items()}
            part.step(mine, out, rewards, cut.dones[worlds])
        assert_same(whole.everything(), cut.everything())


def test_off_it_costs_and_changes_nothing() -> None:
    plain, off = make_play(3, level="L2"), make_play(3, level="L2", restart_slots=64)
    for play in (plain, off):
        play.reset(1, 2, 3)
    assert plain.env.get_state().keys() == off.env.get_state().keys()
    for one, other in zip(played(plain, 20), played(off, 20), strict=True):
        for mine, yours in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, yours)


def worlds_at(seen_steps: list[int], time: int = 20) -> tuple[Any, Any]:
    """Worlds of 10 steps of preparation and 10 of seeking, in which hiders were seen so often."""
    world, objects = allocate_world(len(seen_steps), 2), allocate_objects(len(seen_steps), 2)
    world.prep_steps[:], world.episode_steps[:], world.time[:] = 10, 20, time
    world.seen_steps[:] = seen_steps
    world.stream[:] = np.arange(len(seen_steps)) * 1000
    return world, objects


STATS = 3


def test_a_state_is_worth_what_its_future_is_open() -> None:
    """Put aside at step 5 without any sight: worth 4 p (1 - p) for the share p of what follows."""
    seen = [0, 1, 5, 9, 10]
    restarts = Restarts.allocate(0.5, 2, len(seen), 2)
    world, objects = worlds_at([0] * 5, time=5)
    restarts.clear(world, objects)
    restarts.keep_at[:] = 5
    nobody, stats = np.zeros(5, np.bool_), np.zeros((5, STATS), np.float32)
    restarts.note(world, objects, nobody, stats)
    world.time[:], world.seen_steps[:] = 20, seen
    restarts.note(world, objects, ~nobody, stats)
    assert restarts.worth[:, 0] == pytest.approx([0.0, 0.36, 1.0, 0.36, 0.0])
    assert np.all(restarts.worth[:, 1] == 0.0)
    assert list(restarts.states["time"][1:4, 0]) == [5, 5, 5]
    assert not np.isnan(stats).any()


def test_the_slot_of_least_worth_gives_way_and_no_other() -> None:
    restarts = Restarts.allocate(0.5, 3, 2, 2)
    world, objects = worlds_at([5, 1])
    restarts.clear(world, objects)
    restarts.worth[:] = [[0.9, 0.5, 0.7], [0.9, 0.5, 0.7]]
    restarts.keep_at[:] = 12
    restarts.states["time"][:, -1] = 12
    restarts.states["seen_steps"][:, -1] = [1, 1]
    restarts.note(world, objects, np.ones(2, np.bool_), np.zeros((2, STATS), np.float32))
    # World 0: seen in 4 of 8 steps, worth 1; world 1: in none, worth nothing.
    np.testing.assert_allclose(restarts.worth, [[0.9, 1.0, 0.7], [0.9, 0.5, 0.7]])
    assert list(restarts.states["time"][0]) == [20, 12, 20, 12]


def test_what_comes_of_a_restart_moves_the_worth_of_its_state() -> None:
    restarts = Restarts.allocate(0.5, 2, 1, 2)
    world, objects = worlds_at([10])
    restarts.clear(world, objects)
    restarts.states["time"][:], restarts.states["seen_steps"][:] = 12, 2
    worths, stats = [], np.zeros((1, STATS), np.float32)
    restarts.seen[0, 1] = 0.5
    for _ in range(3):
        restarts.slot[0] = 1
        restarts.note(world, objects, np.ones(1, np.bool_), stats)  # seen in all the 8 steps
        worths.append(float(restarts.worth[0, 1]))
    assert worths == pytest.approx([0.75, 4 * 0.875 * 0.125, 4 * 0.9375 * 0.0625])
    assert restarts.worth[0, 0] == 0.0
    assert np.isnan(stats).all()


def test_states_are_drawn_by_their_worth_and_only_at_their_own_level() -> None:
    worlds = 3000
    restarts = Restarts.allocate(0.8, 3, worlds, 2)
    world, objects = worlds_at([0] * worlds, time=0)
    restarts.clear(world, objects)
    restarts.worth[:] = [0.1, 0.3, 0.6]
    restarts.states["time"][:, :3] = [1, 2, 3]
    restarts.states["layout"][:, 2] = 1
    levels = np.array([0, 1], np.int32)
    begun = restarts.begin(world, objects, levels, np.ones(worlds, np.bool_))
    assert begun.mean() == pytest.approx(0.8, abs=0.03)
    assert list(np.unique(world.time)) == [0, 1, 2]
    assert (world.time[begun] == 2).mean() == pytest.approx(0.75, abs=0.03)
    assert np.array_equal(restarts.slot, world.time - 1)
    # The next one to be put aside is later, and leaves at least half of the seeking.
    assert np.all(restarts.keep_at > world.time)
    assert set(range(3, 16)) <= set(restarts.keep_at.tolist()) <= set(range(1, 16))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("visited_layout", 99, "visited states: state array 'layout'"),
        ("visited_heading", -1, "visited states: state array 'heading'"),
        ("visited_holding", 7, "visited states: state array 'holding'"),
        ("visited_time", -1, "visited states: state array 'time'"),
        ("visited_worth", 1.5, "'visited_worth' must be from 0 to 1"),
        ("visited_seen", np.nan, "'visited_seen' holds a number that is not finite"),
        ("restart_slot", 3, "'restart_slot' must be from -1 to 2"),
        ("keep_at", -2, "'keep_at' must be from -1"),
    ],
)
def test_visited_states_that_no_game_has_are_refused(name: str, value: Any, message: str) -> None:
    play = make_play(2, **GAME)
    play.reset(1, 2)
    played(play, 40)
    state = play.env.get_state()
    state[name][...] = value
    with pytest.raises(ValueError, match=message):
        play.env.set_state(state)


@pytest.mark.parametrize("aside", [False, True])
@pytest.mark.parametrize(
    ("name", "value"), [("time", 17), ("prep_steps", 5), ("episode_steps", 19)]
)
def test_a_visited_state_that_does_not_lead_to_the_present_is_refused(
    aside: bool, name: str, value: int
) -> None:
    """What came of it would be no share, and the next checkpoint could not be resumed."""
    play = make_play(24, **GAME)
    play.reset(*range(24))
    played(play, 64)
    state = play.env.get_state()
    keep_at, slots, time = (state[key] for key in ("keep_at", "restart_slot", "time"))
    counts = (keep_at >= 0) & (keep_at <= time) if aside else slots >= 0
    n = int(np.flatnonzero(counts & (time < 17))[0])
    slot = -1 if aside else slots[n]
    play.env.set_state(state)
    state[f"{VISITED}{name}"][n, slot] = value
    with pytest.raises(ValueError, match="not of the episode that is played from it"):
        play.env.set_state(state)
