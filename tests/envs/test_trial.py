"""The mistakes of a game that its trial finds, each by the method and array at fault."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from envs.adapters.parallel_env import ParallelBatchEnv
from envs.batch_env import TeamSpec
from envs.game import Game
from envs.game_shape import GameMistake
from tests.envs.relay_env import RelayEnv
from tests.run.count_env import CountEnv

TEAMS = {"red": 2, "blue": 1}
Change = Callable[..., object]


def play(made: Callable[[int], Any] | None = None, **methods: Any) -> Game:
    """The counting game, with other attributes or methods."""
    changed = type("Changed", (CountEnv,), methods)
    return Game("counting", made or partial(changed, TEAMS), parameters={"bonus": 0.5})


def stepping(change: Change) -> Game:
    """The counting game; each step ends with `change(env, out, rewards, terminated, truncated)`."""

    def step(env: CountEnv, actions: Any, *given: Any) -> None:
        CountEnv.step(env, actions, *given)
        change(env, *given)

    return play(step=step)


def made(change: Callable[[Any], object]) -> Game:
    """The counting game, with worlds that are changed when they are made."""

    def make(num_envs: int) -> CountEnv:
        env = CountEnv(TEAMS, num_envs)
        change(env)
        return env

    return play(make)


def test_a_game_without_mistakes_passes() -> None:
    assert play().team_sizes == TEAMS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, o, r, *_: r.update(red=np.ones((2, 2))), r"write into rewards\['red'\] \(r"),
        (lambda e, o, *_: setattr(o["red"], "obs", np.ones(9)), r"write into out\['red'\]\.obs"),
        (lambda e, o, r, *_: r["blue"].fill(np.nan), r"finite numbers to all of rewards\['blue'\]"),
        (lambda e, o, *_: o["red"].obs.fill(np.inf), r"finite numbers to all of out\['red'\]\.obs"),
        (lambda e, o, *_: o["red"].action_mask[..., 3:].fill(False), "allows none of head 1"),
        (lambda e, o, r, a, b: (a.fill(True), b.fill(True)), "sets terminated and truncated for"),
        (lambda e, *_: e.final_obs["red"].fill(np.nan), r"must write final_obs\['red'\] where it"),
        (lambda e, *_: e.episode_stats.fill(0.0), "must write 'length' of episode_stats"),
        (lambda e, *_: e.episode_stats[:, 1].fill(np.inf), "must write 'highest' of episode_stats"),
        (lambda e, o, *_: o["red"].obs.__imul__(np.random.default_rng().random()), "differs when"),
    ],
)
def test_what_a_step_must_not_do(change: Change, message: str) -> None:
    with pytest.raises(GameMistake, match=rf"^game 'counting': .*{message}"):
        stepping(change)


def test_truncated_is_not_set_by_a_game_that_never_truncates() -> None:
    with pytest.raises(GameMistake, match="sets truncated, but truncates is False; set truncates"):
        play(truncates=False)


@pytest.mark.parametrize("name", ["action_mask", "valid"])
def test_flags_that_are_not_written_are_noticed(name: str) -> None:
    def observe(env: CountEnv, out: Any) -> None:
        before = {team: getattr(buffers, name)[0].copy() for team, buffers in out.items()}
        CountEnv.observe(env, out)
        for team, buffers in out.items():
            getattr(buffers, name)[0] = before[team]

    # An unwritten mask is False at first; so is what nobody may do.
    message = "allows none of head 0" if name == "action_mask" else "valid is not written every"
    with pytest.raises(GameMistake, match=message):
        play(observe=observe)


def test_actions_stay_as_they_are_given() -> None:
    def step(env: CountEnv, actions: Any, *given: Any) -> None:
        actions["red"][:] = 0
        CountEnv.step(env, actions, *given)

    with pytest.raises(GameMistake, match=r"must not change actions\['red'\]"):
        play(step=step)


def test_seeds_are_the_only_randomness() -> None:
    def reset(env: CountEnv, seeds: np.ndarray, out: Any) -> None:
        CountEnv.reset(env, np.random.default_rng().integers(0, 2**63, 2).astype(np.uint64), out)

    with pytest.raises(GameMistake, match=r"step 0: out\['red'\]\.obs differs when seeds and act"):
        play(reset=reset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.final_obs.pop("blue"), r"final_obs\['blue'\] must be .*\(2, 1, 2\).*is none"),
        (
            lambda e: e.final_obs.update(blue=np.zeros((2, 1, 2))),
            r"final_obs\['blue'\] must be .* float32; got \(2, 1, 2\) float64",
        ),
        (lambda e: delattr(e, "final_obs"), r"final_obs\['red'\] must be"),
        (lambda e: setattr(e, "episode_stats", np.zeros(2)), r"episode_stats must be .*\(2, 4\)"),
        (lambda e: setattr(e, "num_envs", 5), "must make 2 worlds, num_envs is 5"),
        (lambda e: setattr(e, "teams", e.teams * 2), "teams .* 'blue' is there twice"),
        (lambda e: setattr(e, "teams", ()), "teams .* there are none"),
        (
            lambda e: setattr(e, "teams", (*e.teams, TeamSpec("green", ("red_0",), 2, (3,)))),
            "agents .* 'red_0' is there twice",
        ),
    ],
)
def test_attributes_that_worlds_must_have(change: Change, message: str) -> None:
    with pytest.raises(GameMistake, match=rf"^game 'counting': .*{message}"):
        made(change)


@pytest.mark.parametrize(
    ("agents", "nvec", "size", "message"),
    [
        ("red_0", (3,), 2, "agents must be a tuple of names, got 'red_0'"),
        ((), (3,), 2, "agents must be a tuple of names"),
        (("red_0",), 3, 2, r"nvec must be the choices of each head, such as \(5,\)"),
        (("red_0",), (), 2, "nvec must be"),
        (("red_0",), (3,), 0, "nvec .* and obs_size a whole number"),
    ],
)
def test_a_team_has_agents_and_choices(agents: Any, nvec: Any, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"team 'red': {message}"):
        TeamSpec("red", agents, size, nvec)


def test_lists_do_for_a_team() -> None:
    agents: Any = ["red_0"]
    team = TeamSpec("red", agents, 2, np.array([3, 2]))  # type: ignore[arg-type]
    assert team == TeamSpec("red", ("red_0",), 2, (3, 2))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"rng": [np.random.default_rng(0)]}, r"get_state\(\)\['rng'\] must be .* got a list.*to_"),
        ({"rng": {"state": 1}}, r"get_state\(\)\['rng'\] must be an array .* got a dict"),
        ({"rng": np.array([None])}, r"got \(1,\) object"),
        ({"names": np.array(["a", "b"])}, r"got \(2,\) <U1"),
        ({"rows": [[1], [1, 2]]}, "got a list"),
        ({"file": np.zeros(2)}, "'file' is no name for an array"),
        ({1: np.zeros(2)}, "1 is no name for an array"),
        ({f"more_{k}": np.zeros(2) for k in range(62)}, "returns 65 arrays; 64 at most"),
    ],
)
def test_a_state_that_no_checkpoint_holds(state: dict[Any, Any], message: str) -> None:
    with pytest.raises(GameMistake, match=message):
        play(get_state=lambda env: CountEnv.get_state(env) | state)


def test_a_state_is_a_mapping_with_a_row_for_each_world() -> None:
    with pytest.raises(GameMistake, match="must return arrays by name, got NoneType"):
        play(get_state=lambda env: None)
    with pytest.raises(GameMistake, match="with 2 worlds all have the length 7"):
        play(get_state=lambda env: {"random": np.zeros(7)})


def test_a_state_is_read_back() -> None:
    def forgetful(env: CountEnv, state: Any) -> None:
        CountEnv.set_state(env, {**state, "steps": np.zeros(2, np.int64)})

    with pytest.raises(GameMistake, match=r"get_state\(\)\['steps'\] differs from what set_state"):
        play(set_state=forgetful)


def test_a_state_holds_all_that_the_future_depends_on() -> None:
    def get_state(env: CountEnv) -> dict[str, np.ndarray]:
        state = CountEnv.get_state(env)
        del state["steps"]
        return state

    with pytest.raises(GameMistake, match="differs after set_state; get_state must hold all"):
        play(get_state=get_state)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (CountEnv(TEAMS, 2), "such as a class; got an instance of CountEnv"),
        (lambda num_envs: object(), "must return an envs.batch_env.BatchEnv, got object"),
    ],
)
def test_what_makes_no_worlds(made: Any, message: str) -> None:
    with pytest.raises(GameMistake, match=message):
        play(made)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bonus": 0.75}, "'bonus': 0.75 in new worlds .* got {'bonus': 0.5}"),
        ({"wind": 1.0}, "'wind': 1.0 in new worlds"),
    ],
)
def test_parameters_are_those_of_the_worlds(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(GameMistake, match=message):
        Game("counting", partial(CountEnv, TEAMS), parameters=parameters)


def test_a_games_own_error_says_where_it_is_from() -> None:
    def fails(*_: Any) -> None:
        raise KeyError("treasure")

    with pytest.raises(KeyError, match="treasure") as caught:
        play(reset=fails)
    assert caught.value.__notes__ == [
        "in the trial of the game 'counting', before anything is trained"
    ]


@pytest.mark.parametrize("repeats", [True, False])
def test_an_environment_of_pettingzoo_need_not_repeat_its_games(repeats: bool) -> None:
    teams = {"red": ["red_0", "red_1"], "blue": ["blue_0"]}
    make = partial(ParallelBatchEnv, partial(RelayEnv, repeats=repeats, cut_at=2), teams)
    assert Game("relay", make).team_sizes == {"red": 2, "blue": 1}
