"""The adapters for PettingZoo and RLlib: their own checks, and the same games as the batch."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from envs.adapters.pettingzoo import HideAndSeekParallelEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from tests.envs.playing import make_play

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package of tests warns about its own games
    from pettingzoo.test import parallel_api_test, parallel_seed_test

GAME: dict[str, Any] = {
    "level": "L2",
    "num_seekers": 2,
    "num_hiders": 1,
    "prep_steps": 4,
    "episode_steps": 12,
    "num_layouts": 4,
}


def parallel_env(render_mode: str | None = None, **changes: Any) -> HideAndSeekParallelEnv:
    return HideAndSeekParallelEnv(HideAndSeekConfig(**{**GAME, **changes}), render_mode)


def rllib_env(render_mode: str | None = None, **changes: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from envs.adapters.rllib import HideAndSeekMultiAgentEnv
    return HideAndSeekMultiAgentEnv({**GAME, **changes, "render_mode": render_mode})


Face = Callable[..., Any]
FACES: list[Face] = [parallel_env, rllib_env]


def noop(env: Any) -> dict[str, np.ndarray]:
    return {name: np.array([1, 1, 2, 0, 0]) for name in env.possible_agents}


def test_pettingzoo_api() -> None:
    parallel_api_test(parallel_env(), num_cycles=40)


def test_pettingzoo_seeds() -> None:
    parallel_seed_test(parallel_env, num_cycles=40)


def test_the_pettingzoo_face_needs_no_ray() -> None:
    code = "import sys, envs.adapters.pettingzoo; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("face", FACES)
def test_same_seed_same_games_as_the_batch_over_several_episodes(face: Face) -> None:
    env, play = face(), make_play(3, **GAME)
    play.reset(8, 99, 7)
    observations, infos = env.reset(seed=99)
    rng = np.random.default_rng(0)
    for step in range(1, 37):
        actions = play.random_actions(rng)
        names = [(s.name, k, name) for s in play.env.teams for k, name in enumerate(s.agents)]
        play.step(actions)
        given = {name: actions[team][1, k] for team, k, name in names}
        observations, rewards, terminateds, truncateds, infos = env.step(given)
        assert not any(truncateds.values())
        assert all(ended == (step % 12 == 0) for ended in terminateds.values())
        for team, k, name in names:
            assert rewards[name] == play.rewards[team][1, k]
        if step % 12 == 0:
            for name in given:
                assert observations[name][9] == 0.0  # the end itself, not the next start
                stats = infos[name]["episode_stats"]
                assert list(stats.values()) == list(play.env.episode_stats[1])
            observations, infos = env.reset()
        for team, k, name in names:
            np.testing.assert_array_equal(observations[name], play.out[team].obs[1, k])
            mask = infos[name]["action_mask"]
            np.testing.assert_array_equal(mask, play.out[team].action_mask[1, k])
            assert infos[name]["valid"] == play.out[team].valid[1, k]


@pytest.mark.parametrize("face", FACES)
def test_observations_and_actions_fit_their_spaces(face: Face) -> None:
    env = face()
    observations, _ = env.reset(seed=1)
    assert set(observations) == {"seeker_0", "seeker_1", "hider_0"}
    for name, space in env.action_spaces.items():
        space.seed(3)
        assert env.observation_spaces[name].shape == (158,)
    for _ in range(12):
        actions = {name: space.sample() for name, space in env.action_spaces.items()}
        observations, *_ = env.step(actions)
        for name, observation in observations.items():
            assert env.observation_spaces[name].contains(observation)


def test_observations_are_copies() -> None:
    env = parallel_env()
    first, _ = env.reset(seed=1)
    kept = first["hider_0"].copy()
    env.step({**noop(env), "hider_0": np.array([2, 1, 2, 0, 0])})
    np.testing.assert_array_equal(first["hider_0"], kept)


@pytest.mark.parametrize("face", FACES)
def test_without_a_seed_every_game_is_another(face: Face) -> None:
    starts = [face().reset()[0]["hider_0"] for _ in range(2)]
    assert not np.array_equal(*starts)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hider_0": np.zeros(4, int)}, r"action of 'hider_0' must have shape \(5,\), got \(4,\)"),
        ({"hider_0": np.full(5, np.nan)}, "action of 'hider_0' must be integers, got float64"),
        ({"hider_0": np.array([3, 1, 2, 0, 0])}, "forward of hider_0 in world 0 must be from 0"),
        ({"hidr_0": np.zeros(5, int)}, "unknown agent 'hidr_0'; did you mean 'hider_0'"),
        ({"seeker_1": None}, "action of agent 'seeker_1' is missing"),
    ],
)
def test_bad_actions(face: Face, change: dict, message: str) -> None:
    env = face()
    env.reset(seed=1)
    actions = {**noop(env), **change}
    actions = {name: action for name, action in actions.items() if action is not None}
    with pytest.raises(ValueError, match=message):
        env.step(actions)


@pytest.mark.parametrize("face", FACES)
def test_no_step_before_the_start_nor_after_the_end(face: Face) -> None:
    env = face()
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        env.step(noop(env))
    env.reset(seed=1)
    for _ in range(12):
        env.step(noop(env))
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        env.step(noop(env))


@pytest.mark.parametrize("face", FACES)
def test_bad_seeds_and_render_modes(face: Face) -> None:
    with pytest.raises(ValueError, match="seed must be from 0"):
        face().reset(seed=-1)
    with pytest.raises(ValueError, match="'rgb' is unknown; did you mean 'rgb_array'"):
        face("rgb")


def test_rllib_config_keys_are_checked() -> None:
    with pytest.raises(ValueError, match="'levl' is not a game setting; did you mean 'level'"):
        rllib_env(levl="L0")


@pytest.mark.parametrize("face", FACES)
def test_render_modes(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, text = face("rgb_array"), face("ansi")
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        picture.render()
    for env in (picture, text):
        env.reset(seed=1)
    frame = picture.render()
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3
    assert "preparation" in text.render()
    silent = face()
    silent.reset(seed=1)
    with pytest.warns(UserWarning, match="without a render mode"):
        assert silent.render() is None
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = face("human")
    window.reset(seed=1)
    window.step(noop(window))
    assert window.render() is None
    window.close()
    assert window.world.window_closed
    window.step(noop(window))  # the game goes on without its window
    window.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_stock_rllib_runner_plays_it() -> None:
    env_class = type(rllib_env())
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner

    config = (
        PPOConfig()
        .environment(env_class, env_config=GAME)
        .multi_agent(
            policies={"seeker_policy", "hider_policy"},
            policy_mapping_fn=lambda agent, episode, **_: f"{agent.split('_')[0]}_policy",
        )
    )
    runner = MultiAgentEnvRunner(config=config)
    episodes = runner.sample(num_episodes=2)
    runner.stop()
    assert [len(episode) for episode in episodes] == [12, 12]
    assert all(episode.is_terminated for episode in episodes)
