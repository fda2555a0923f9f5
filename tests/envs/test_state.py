"""The state that a game can offer to a value function: its size, who writes it, and when."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from envs.adapters.parallel_env import ParallelBatchEnv
from envs.batch_env import ObsBuffers, TeamSpec
from envs.game import Game
from envs.game_shape import GameMistake
from tests.envs.hidden_env import STEPS, HiddenEnv
from tests.envs.relay_env import RelayEnv

TEAMS = {"red": ["red_0", "red_1"], "blue": ["blue_0"]}
Change = Callable[..., object]


def team(**fields: Any) -> TeamSpec:
    return TeamSpec("red", ("red_0", "red_1"), 2, (3,), **fields)


def test_buffers_hold_a_state_only_where_one_is_wanted_and_offered() -> None:
    offers = team(state_size=7)
    assert ObsBuffers.allocate(offers, 3).state is None
    assert ObsBuffers.allocate(team(), 3, state=True).state is None
    wanted = ObsBuffers.allocate(offers, 3, state=True).state
    assert wanted is not None
    assert wanted.shape == (3, 2, 7)
    assert wanted.dtype == np.float32


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state_size": -1}, "state_size must be a whole number, got -1"),
        ({"state_size": 2.5}, "state_size must be a whole number, got 2.5"),
        ({"state_size": 3, "live_state": (0, 3)}, r"live_state .* below state_size \(3\)"),
        ({"state_size": 3, "live_state": (1, 0)}, "live_state must be ascending"),
        ({"live_state": (0,)}, r"live_state .* below state_size \(0\)"),
    ],
)
def test_a_state_has_a_size_and_columns(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"team 'red': {message}"):
        team(**fields)


def play(cuts: bool = True, **methods: Any) -> Game:
    """The hidden game, with other methods."""
    return Game("hidden", partial(type("Changed", (HiddenEnv,), methods), cuts=cuts))


def observing(change: Change) -> Game:
    """The hidden game; `change(env, state)` follows where a state has been written."""

    def observe(env: HiddenEnv, out: Any) -> None:
        HiddenEnv.observe(env, out)
        for buffers in out.values():
            if buffers.state is not None:
                change(env, buffers.state)

    return play(observe=observe)


def test_a_game_with_a_state_passes_its_trial() -> None:
    assert play().spec.teams[0].state_size == play(cuts=False).spec.teams[0].state_size == STEPS + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda env, state: state[1].fill(np.nan), "reset must write finite numbers to all of out"),
        (lambda env, state: env.streams.__iadd__(np.uint64(1)), "differs when .*wanted state or"),
        (lambda env, state: state.__imul__(np.random.default_rng().random()), "differs after set"),
    ],
)
def test_what_a_game_must_not_do_with_a_state(change: Change, message: str) -> None:
    with pytest.raises(GameMistake, match=f"^game 'hidden': .*{message}"):
        observing(change)


def test_a_game_that_always_writes_a_state_is_noticed() -> None:
    def observe(env: HiddenEnv, out: Any) -> None:
        HiddenEnv.observe(env, out)
        for buffers in out.values():
            buffers.state[:] = 0.0

    with pytest.raises(TypeError, match="NoneType") as error:
        play(observe=observe)
    assert "in the trial of the game 'hidden'" in error.value.__notes__[0]


def test_what_is_left_of_the_state_where_an_episode_is_cut() -> None:
    def step(env: HiddenEnv, *given: Any) -> None:
        HiddenEnv.step(env, *given)
        env.final_state["hider"].fill(np.nan)

    with pytest.raises(GameMistake, match=r"step must write final_state\['hider'\] where it sets"):
        play(step=step)
    made = partial(HiddenEnv, cuts=True)

    def without(num_envs: int) -> HiddenEnv:
        env = made(num_envs)
        env.final_state = {"hider": env.final_state["hider"]}
        return env

    with pytest.raises(
        GameMistake, match=r"final_state\['seeker'\] must be .*state_size\] = \(2, 2"
    ):
        Game("hidden", without)


class GlobalRelay(RelayEnv):
    """Has a state, as PettingZoo's games have it: what nobody sees, and the steps played."""

    state_space = spaces.Box(-9, 9, (2, 2), np.float32)

    def state(self) -> np.ndarray:
        return np.array([[self.number * 2, self.steps], [0, 0]], np.float32)


def relay(may_die: bool = False, **game: Any) -> tuple[ParallelBatchEnv, dict[str, ObsBuffers]]:
    env = ParallelBatchEnv(partial(GlobalRelay, **game), TEAMS, 2, agents_may_die=may_die)
    out = {spec.name: ObsBuffers.allocate(spec, 2, state=True) for spec in env.teams}
    env.reset(np.array([1, 2], np.uint64), out)
    return env, out


def step(env: ParallelBatchEnv, out: dict[str, ObsBuffers]) -> np.ndarray:
    """Plays a step; [2] bool, which worlds were cut."""
    actions = {"red": np.ones((2, 2, 2), np.int64), "blue": np.full((2, 1, 1), 2)}
    rewards = {t.name: np.zeros((2, t.num_agents), np.float32) for t in env.teams}
    ends = np.zeros((2, 2), np.bool_)
    env.step(actions, out, rewards, *ends)
    return ends[1]


def test_the_state_of_a_parallel_env_has_the_own_observation_behind_it() -> None:
    env, out = relay(cut_at=2)
    assert [spec.state_size for spec in env.teams] == [4 + 2, 4 + 2]
    for _ in range(2):
        for buffers in out.values():
            state: Any = buffers.state
            assert (state[..., 0] == 2 * buffers.obs[..., 0]).all()
            assert (state[..., 1] == buffers.obs[..., 1]).all()
            assert (state[..., 4:] == buffers.obs).all()
        cut = step(env, out)
    assert cut.all()
    for team, final in env.final_state.items():
        assert (final[..., 1] == 2).all()
        assert (final[..., 4:] == env.final_obs[team]).all()
        assert (out[team].state[..., 1] == 0).all()  # type: ignore[index]  # of the next episode


def test_a_parallel_env_is_not_asked_for_a_state_that_nobody_wants() -> None:
    env, out = relay(cut_at=1)
    worlds: Any = env._envs
    worlds[0].state = None
    for buffers in out.values():
        buffers.state = None
    assert step(env, out).all()


def test_agents_that_are_gone_have_no_state() -> None:
    env, out = relay(may_die=True, red_1_ends_at=1)
    step(env, out)
    state: Any = out["red"].state
    assert (state[:, 1] == 0).all()
    assert (state[:, 0, -1] == 1).all()
    assert [spec.state_size for spec in env.teams] == [4 + 3, 4 + 3]


def test_an_environment_without_a_state_offers_none() -> None:
    env = ParallelBatchEnv(RelayEnv, TEAMS, 1)
    assert [spec.state_size for spec in env.teams] == [0, 0]
