"""A world played again from a copy goes through the same states, and is drawn as it was."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.rerun import empty_frame, put_frame
from envs.render.scene import Scene, build_scene
from tests.envs.playing import Play

SMALL = {"num_layouts": 2, "episode_steps": 14, "prep_steps": 4}
GAMES: list[dict[str, Any]] = [
    {"level": "L4", "reward_moving": -0.5},
    {"level": "L2", "restart_share": 0.5},
    {"level": "L1", "curriculum": {"levels": ["L1", "L2"]}, "num_layouts": 2},
]


def started(settings: dict[str, Any]) -> tuple[Play, np.random.Generator]:
    play = Play(HideAndSeekBatchEnv(HideAndSeekConfig(**{**SMALL, **settings}), 5))
    play.reset(*range(5))
    rng = np.random.default_rng(0)
    for _ in range(20):  # so that an episode is under way
        play.step(play.random_actions(rng))
    return play, rng


def same(one: Scene, other: Scene) -> bool:
    """Whether two scenes are the same to the bit."""
    return all(
        repr(getattr(one, f.name)) == repr(getattr(other, f.name))
        for f in fields(Scene)
        if f.name != "shelter"
    ) and np.array_equal(one.shelter, other.shelter)


@pytest.mark.parametrize("settings", GAMES)
def test_a_copy_is_led_through_the_same_states(settings: dict[str, Any]) -> None:
    play, rng = started(settings)
    world = 3
    rerun = play.env.rerun(world)
    assert play.env.rerun(2).state()["stream"] != rerun.state()["stream"]
    taken, seen, before = [], [], play.env.get_state()
    for _ in range(60):
        actions = play.random_actions(rng)
        play.step(actions)
        paid = {team: array[world].copy() for team, array in play.rewards.items()}
        taken.append({team: array[world] for team, array in actions.items()})
        seen.append((paid, bool(play.dones[world]), build_scene(play.env, world)))
    after = play.env.rerun(world).state()
    assert sum(done for _, done, _ in seen) >= 2
    drawn = HideAndSeekBatchEnv(HideAndSeekConfig(**{**SMALL, **settings, "restart_share": 0.0}), 1)
    for actions, (paid, done, scene) in zip(taken, seen, strict=True):
        rewards, ended = rerun.step(actions)
        assert ended == done
        assert all(np.array_equal(rewards[team], paid[team]) for team in paid)
        if ended:
            assert rerun.frame()["time"] == rerun.frame()["episode_steps"]  # it stays at its end
            rerun.go_on()
        put_frame(drawn, rerun.frame())
        assert same(build_scene(drawn), scene)
    mine = rerun.state()
    assert mine.keys() == after.keys()
    for name, array in after.items():
        assert np.array_equal(mine[name], array, equal_nan=array.dtype.kind == "f"), name
    assert before["time"][world] != after["time"] or before["stream"][world] != after["stream"]


def test_the_original_does_not_notice() -> None:
    play, rng = started({"level": "L4"})
    before = play.env.get_state()
    rerun = play.env.rerun(1)
    for _ in range(10):
        rerun.step({team: array[1] for team, array in play.random_actions(rng).items()})
    after = play.env.get_state()
    assert all(np.array_equal(before[n], after[n], equal_nan=n == "episode_stats") for n in before)


def test_a_copy_keeps_the_numbers_that_were_in_force() -> None:
    play, _ = started({"level": "L0"})
    rerun = play.env.rerun(0)
    play.env.set_parameters({"vision_angle": 33.0})
    assert rerun.settings["vision_angle"] == 135.0
    assert play.env.rerun(0).settings["vision_angle"] == 33.0
    assert rerun.place() == {"level": "L0", "arena": int(play.env.world.layout[0])}


def test_there_is_no_copy_of_a_world_that_is_not_there() -> None:
    play, _ = started({"level": "L0"})
    with pytest.raises(IndexError, match="from 0 to 4, got 5"):
        play.env.rerun(5)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("pos", np.full((4, 2), 99.0, np.float32), "'pos' must be from 0 to 12"),
        ("layout", np.array(2, np.int32), "'layout' must be from 0 to 1"),
        ("holding", np.full(4, 5, np.int32), "'holding'"),
        ("sees", np.zeros((9, 9), np.bool_), "'sees' must have shape"),
    ],
)
def test_a_frame_that_no_world_can_have_is_refused(name: str, value: Any, said: str) -> None:
    env = HideAndSeekBatchEnv(HideAndSeekConfig(level="L2", num_layouts=2), 1)
    frame = empty_frame(4) | {"episode_steps": np.array(80, np.int32)}
    put_frame(env, frame)
    with pytest.raises(ValueError, match=said):
        put_frame(env, frame | {name: value})
    del frame[name]
    with pytest.raises(ValueError, match=f"lacks '{name}'"):
        put_frame(env, frame)
