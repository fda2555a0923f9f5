"""A PettingZoo `ParallelEnv` as a `BatchEnv`: the same games, both kinds of ends, refusals."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from envs.adapters.parallel_env import ParallelBatchEnv
from envs.adapters.pettingzoo import HideAndSeekParallelEnv
from envs.batch_env import ObsBuffers
from envs.hide_and_seek.config import HideAndSeekConfig
from tests.envs.relay_env import RelayEnv

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package of tests warns about its own games
    from pettingzoo.test import parallel_api_test

TEAMS = {"red": ["red_0", "red_1"], "blue": ["blue_0"]}


class Play:
    """A batch with its buffers."""

    def __init__(self, num_envs: int = 2, *, may_die: bool = False, **game: Any) -> None:
        make = partial(RelayEnv, **game)
        self.env = ParallelBatchEnv(make, TEAMS, num_envs, agents_may_die=may_die)
        self.out = {spec.name: ObsBuffers.allocate(spec, num_envs) for spec in self.env.teams}
        self.rewards = {
            spec.name: np.zeros((num_envs, spec.num_agents), np.float32) for spec in self.env.teams
        }
        self.terminated = np.zeros(num_envs, np.bool_)
        self.truncated = np.zeros(num_envs, np.bool_)

    def reset(self, *seeds: int) -> None:
        self.env.reset(np.array(seeds, np.uint64), self.out)

    def step(self, says: int = 3) -> None:
        count = self.env.num_envs
        red = np.tile(np.array([1, says]), (count, 2, 1))
        actions = {"red": red, "blue": np.full((count, 1, 1), 2)}
        self.env.step(actions, self.out, self.rewards, self.terminated, self.truncated)


def test_the_game_of_the_tests_is_one_of_pettingzoos() -> None:
    parallel_api_test(RelayEnv(red_1_ends_at=2), num_cycles=10)


def test_spaces_become_those_of_teams() -> None:
    red, blue = Play().env.teams
    assert (red.agents, red.obs_size, red.nvec) == (("red_0", "red_1"), 2, (2, 4))
    assert (blue.agents, blue.obs_size, blue.nvec) == (("blue_0",), 2, (3,))


def test_observations_rewards_masks_and_the_next_episode() -> None:
    play = Play()
    play.reset(1, 2)
    number = play.out["red"].obs[:, 0, 0].copy()
    assert number[0] != number[1]
    assert (play.out["blue"].obs[:, 0, 0] == number).all()
    assert play.out["blue"].action_mask.tolist() == [[[True, False, True]]] * 2
    assert play.out["red"].action_mask.all()
    for step in (1, 2, 3):
        play.step(says=step)
        assert (play.rewards["red"] == step).all()
        assert (play.rewards["blue"] == -7).all()  # the choice 2 of those that start at 5
        assert (play.terminated == (step == 3)).all()
        assert not play.truncated.any()
        if step < 3:
            assert (play.out["red"].obs[:, :, 0] == number[:, None]).all()
            assert (play.out["red"].obs[:, :, 1] == step).all()
    assert (play.out["red"].obs[:, :, 1] == 0).all()  # the next episode has begun
    assert (play.out["red"].obs[:, 0, 0] != number).all()
    assert play.env.stat_names == ("length", "red_return", "blue_return")
    assert play.env.episode_stats.tolist() == [[3, 6, -21]] * 2


def test_a_world_plays_the_same_games_whatever_is_beside_it() -> None:
    alone, together = Play(1), Play(3)
    alone.reset(7)
    together.reset(5, 7, 7)
    for _ in range(7):
        alone.step()
        together.step()
        for team in TEAMS:
            assert (together.out[team].obs[1:] == alone.out[team].obs).all()


def test_an_episode_that_is_cut_shows_what_was_seen_last() -> None:
    play = Play(cut_at=2)
    play.reset(1, 2)
    number = play.out["red"].obs[:, 0, 0].copy()
    play.step()
    assert not (play.terminated | play.truncated).any()
    play.step()
    assert play.truncated.all()
    assert not play.terminated.any()
    for team, final in play.env.final_obs.items():
        assert (final[:, :, 0] == number[:, None]).all(), team
        assert (final[:, :, 1] == 2).all()
    assert (play.out["red"].obs[:, :, 1] == 0).all()


def test_an_agent_that_dies_is_masked_until_the_end() -> None:
    play = Play(may_die=True, red_1_ends_at=1)
    play.reset(1, 2)
    red = play.out["red"]
    assert (red.obs[..., -1] == 1).all()  # the last column tells who is there
    play.step()
    assert (play.rewards["red"] == 3).all()  # the last step still pays
    assert red.obs[:, :, -1].tolist() == [[1, 0]] * 2
    assert (red.obs[:, 1] == 0).all()
    assert red.action_mask[0, 1].tolist() == [True, False, True, False, False, False]
    assert red.valid.all()
    play.step()
    assert play.rewards["red"].tolist() == [[3, 0]] * 2
    play.step()
    assert play.terminated.all()
    assert (red.obs[..., -1] == 1).all()
    assert play.env.episode_stats[0].tolist() == [3, (9 + 3) / 2, -21]


def test_at_a_cut_only_those_who_were_not_at_their_end_are_worth_something() -> None:
    play = Play(may_die=True, red_1_ends_at=2, cut_at=2)
    play.reset(1, 2)
    play.step()
    play.step()
    assert play.truncated.all()
    assert play.env.final_obs["red"][:, :, -1].tolist() == [[1, 0]] * 2


@pytest.mark.parametrize("cut_at", [1000, 2])
def test_an_agent_that_dies_unasked_is_refused(cut_at: int) -> None:
    play = Play(red_1_ends_at=2, cut_at=cut_at)
    play.reset(1, 2)
    play.step()
    with pytest.raises(ValueError, match=r"'red_1' ended before the others; give agents_may_die"):
        play.step()


def test_a_state_continues_in_another_batch() -> None:
    first, second = Play(), Play()
    first.reset(1, 2)
    for _ in range(5):  # in the middle of the second episode
        first.step()
    second.reset(8, 9)
    second.env.set_state(first.env.get_state())
    second.env.observe(second.out)
    for _ in range(6):
        for team in TEAMS:
            np.testing.assert_array_equal(first.out[team].obs, second.out[team].obs)
        np.testing.assert_array_equal(first.env.episode_stats[:0], second.env.episode_stats[:0])
        first.step()
        second.step()
        assert (first.terminated == second.terminated).all()
    assert (first.env.episode_stats == second.env.episode_stats).all()


def test_an_environment_that_does_not_repeat_its_games_is_told() -> None:
    play = Play(repeats=False)
    play.reset(1, 2)
    play.step()
    with pytest.raises(ValueError, match="does not repeat its games"):
        play.env.set_state(play.env.get_state())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"steps": np.array([9, 0])}, "out of bounds"),
        ({"steps": np.array([1.0, 0.0])}, "steps"),
        ({"actions": np.full((2, 1, 5), 9, np.int32)}, "actions are out of bounds"),
        ({"actions": np.zeros((2, 1, 7), np.int32)}, "actions"),
        ({"more": np.zeros(2)}, "more"),
    ],
)
def test_a_state_that_is_none_is_refused(change: dict[str, np.ndarray], reason: str) -> None:
    play = Play()
    play.reset(1, 2)
    play.step()
    with pytest.raises(ValueError, match=reason):
        play.env.set_state(play.env.get_state() | change)


class Crooked(RelayEnv):
    """With an agent whose spaces are given."""

    def __init__(
        self, action: spaces.Space | None = None, seen: spaces.Space | None = None
    ) -> None:
        super().__init__()
        if action is not None:
            self.actions["red_1"] = action
        if seen is not None:
            self.seen["red_1"] = seen


@pytest.mark.parametrize(
    ("teams", "game", "reason"),
    [
        ({"red": ["red_0"], "blue": ["blue_0"]}, {}, "share out the agents"),
        ({**TEAMS, "third": ["red_0"]}, {}, "share out the agents"),
        ({**TEAMS, "third": []}, {}, "share out the agents"),
        ({"all": ["red_0", "red_1", "blue_0"]}, {}, "'red_0' and 'blue_0' have other spaces"),
        (TEAMS, {"action": spaces.Box(0, 1, (2,))}, "must be Discrete or MultiDiscrete"),
        (TEAMS, {"seen": spaces.Text(3)}, None),
        (TEAMS, {"seen": spaces.Sequence(spaces.Discrete(2))}, "no fixed size"),
    ],
)
def test_what_cannot_be_played_is_refused(
    teams: dict[str, list[str]], game: dict[str, Any], reason: str | None
) -> None:
    with pytest.raises(ValueError, match=reason):
        ParallelBatchEnv(partial(Crooked, **game), teams, 1)


def test_no_worlds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Play(0)


def test_hide_and_seek_through_pettingzoo_and_back() -> None:
    config = HideAndSeekConfig(prep_steps=2, episode_steps=4, num_layouts=2)
    env = ParallelBatchEnv(
        partial(HideAndSeekParallelEnv, config), {"seeker": ["seeker_0"], "hider": ["hider_0"]}, 1
    )
    out = {spec.name: ObsBuffers.allocate(spec, 1) for spec in env.teams}
    env.reset(np.array([3], np.uint64), out)
    # A seeker in the preparation may do nothing but the no-op: one choice of each head.
    assert out["seeker"].action_mask.sum() == 5 < out["hider"].action_mask.sum()
    rewards = {name: np.zeros((1, 1), np.float32) for name in out}
    ends = np.zeros((2, 1), np.bool_)
    noop = {name: np.array([[[1, 1, 2, 0, 0]]]) for name in out}
    for _ in range(4):
        env.step(noop, out, rewards, *ends)
    assert ends.tolist() == [[True], [False]]
    assert env.episode_stats[0, 0] == 4
    assert env.episode_stats[0, 1] == -env.episode_stats[0, 2] != 0
