"""Bad input gets an error that names what is wrong, before anything has changed."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.checks import check_foreign_state
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.levels import LEVELS
from envs.hide_and_seek.spaces import GRAB
from tests.envs.playing import Play, make_play


@pytest.fixture
def play() -> Play:
    play = make_play(2, level="L2")
    play.reset(1, 2)
    return play


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "L9"}, r"level 'L9' is unknown; did you mean 'L\d'\? \(known: L0, .*, Q\)"),
        ({"level": "l2"}, "did you mean 'L2'"),
        ({"num_seekers": 0}, "greater than or equal to 1 .*input_value=0"),
        ({"num_hiders": 4}, "less than or equal to 3 .*input_value=4"),
        ({"num_hider": 1}, "'num_hider' is not a game setting; did you mean 'num_hiders'"),
        ({"vision_angle": float("nan")}, "finite"),
        ({"vision_angle": 0.0}, "greater than 0 .*input_value=0"),
        ({"vision_angle": 361.0}, "less than or equal to 360 .*input_value=361"),
        ({"vision_range": -1.0}, "greater than or equal to 0.01 .*input_value=-1"),
        ({"lidar_range": float("inf")}, "finite"),
        ({"num_layouts": 0}, "greater than or equal to 1 .*input_value=0"),
        ({"layout_seed": -1}, "greater than or equal to 0 .*input_value=-1"),
        ({"episode_steps": 0}, r"episode_steps\n.*greater than or equal to 1 .*input_value=0"),
        ({"prep_steps": 80}, "prep_steps must be from 0 to episode_steps - 1 = 79, got 80"),
        ({"episode_steps": 20}, "prep_steps must be from 0 to episode_steps - 1 = 19, got 20"),
        ({"reward_seen": -1.0}, "greater than or equal to 0 .*input_value=-1"),
        ({"reward_moving": -1e9}, "greater than or equal to -1000 .*input_value=-1"),
        ({"shaping_gamma": 1.5}, "less than or equal to 1 .*input_value=1.5"),
        ({"shaping_beta": -0.5}, "greater than or equal to 0 .*input_value=-0.5"),
    ],
)
def test_config(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HideAndSeekConfig(**settings)


@pytest.mark.parametrize("level", list(LEVELS))
def test_resolved_config_has_the_levels_values_and_keeps_given_ones(level: str) -> None:
    config = HideAndSeekConfig(level=level, num_hiders=3).resolved()
    standard = LEVELS[level]
    assert config.num_hiders == 3
    assert (config.num_seekers, config.prep_steps, config.episode_steps) == (
        standard.num_seekers,
        standard.prep_steps,
        standard.episode_steps,
    )
    assert config.resolved() == config


def test_no_worlds() -> None:
    with pytest.raises(ValueError, match="num_envs must be at least 1, got 0"):
        HideAndSeekBatchEnv(HideAndSeekConfig(), 0)


def test_step_before_reset() -> None:
    play = make_play(2)
    for call in (lambda: play.step(play.noop()), play.env.get_state):
        with pytest.raises(RuntimeError, match="call reset"):
            call()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            np.zeros((2, 2, 4), int),
            r"actions\['seeker'\] must have shape \(2, 2, 5\), got \(2, 2, 4\)",
        ),
        (np.zeros((2, 1, 5), int), r"must have shape \(2, 2, 5\), got \(2, 1, 5\)"),
        (np.zeros((2, 2, 5)), "must be integers, got float64"),
        (np.full((2, 2, 5), np.nan), "hold a NaN or an infinite number"),
        (np.zeros((2, 2, 5), bool), "must be integers, got bool"),
    ],
)
def test_action_arrays(play: Play, bad: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        play.step({**play.noop(), "seeker": bad})


@pytest.mark.parametrize(("head", "size"), list(enumerate((3, 3, 5, 2, 3))))
@pytest.mark.parametrize("below", [True, False])
def test_an_action_out_of_range_is_named_and_moves_nothing(
    play: Play, head: int, size: int, below: bool
) -> None:
    value = -1 if below else size
    actions = play.noop()
    actions["hider"][1, 1, head] = value
    actions["seeker"][..., 0] = 2
    before = play.env.get_state()
    name = ("forward", "strafe", "turn", "grab", "lock")[head]
    message = f"action {name} of hider_1 in world 1 must be from 0 to {size - 1}, got {value}"
    with pytest.raises(ValueError, match=message):
        play.step(actions)
    for key, array in play.env.get_state().items():
        np.testing.assert_array_equal(array, before[key])


def test_missing_teams(play: Play) -> None:
    noop = play.noop()
    with pytest.raises(ValueError, match="actions lack the team 'hider'"):
        play.step({"seeker": noop["seeker"]})
    seeker_out = {"seeker": play.out["seeker"]}
    with pytest.raises(ValueError, match="out lacks the team 'hider'"):
        play.env.observe(seeker_out)
    rewards = {"seeker": play.rewards["seeker"]}
    with pytest.raises(ValueError, match="rewards lack the team 'hider'"):
        play.env.step(noop, play.out, rewards, play.dones)


@pytest.mark.parametrize(
    ("field", "array", "message"),
    [
        ("obs", np.zeros((2, 2, 158)), "obs must be float32, got float64"),
        ("obs", np.zeros((2, 2, 157), np.float32), r"obs must have shape \(2, 2, 158\)"),
        ("obs", np.zeros((2, 158, 2), np.float32).transpose(0, 2, 1), "must be C-contiguous"),
        ("obs", [[0.0]], "obs must be a numpy array, got list"),
        ("action_mask", np.zeros((2, 2, 16), np.uint8), "action_mask must be bool, got uint8"),
        ("valid", np.zeros((2, 3), bool), r"valid must have shape \(2, 2\), got \(2, 3\)"),
    ],
)
def test_buffers(play: Play, field: str, array: np.ndarray, message: str) -> None:
    spec = play.env.teams[1]
    buffers = ObsBuffers.allocate(spec, 2)
    setattr(buffers, field, array)
    with pytest.raises(ValueError, match=message):
        play.env.observe({**play.out, "hider": buffers})


def test_reward_and_done_buffers(play: Play) -> None:
    bad = {**play.rewards, "hider": np.zeros((2, 2))}
    with pytest.raises(ValueError, match=r"rewards\['hider'\] must be float32"):
        play.env.step(play.noop(), play.out, bad, play.dones)
    with pytest.raises(ValueError, match=r"terminated must have shape \(2,\), got \(3,\)"):
        play.env.step(play.noop(), play.out, play.rewards, np.zeros(3, bool))


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (np.zeros(3, np.uint64), r"seeds must have shape \(2,\), got \(3,\)"),
        (np.zeros(2, np.int64), "seeds must be uint64, got int64"),
        ([1, 2], "seeds must be a numpy array, got list"),
    ],
)
def test_seeds(play: Play, seeds: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        play.env.reset(seeds, play.out)


def test_states(play: Play) -> None:
    state = play.env.get_state()
    small = make_play(1, level="L2")
    small.reset(1)
    with pytest.raises(ValueError, match=r"'pos' must have shape \(2, 4, 2\), got \(1, 4, 2\)"):
        play.env.set_state(small.env.get_state())
    with pytest.raises(ValueError, match="lacks the array 'vel'"):
        play.env.set_state({k: v for k, v in state.items() if k != "vel"})
    with pytest.raises(ValueError, match="unknown array 'velocity'; did you mean"):
        play.env.set_state({**state, "velocity": state["vel"]})
    with pytest.raises(ValueError, match="'heading' must be int32, got int64"):
        play.env.set_state({**state, "heading": state["heading"].astype(np.int64)})
    with pytest.raises(ValueError, match="'pos' holds a number that is not finite"):
        play.env.set_state({**state, "pos": state["pos"] * np.float32(np.nan)})
    with pytest.raises(ValueError, match="'layout' must be from 0 to 3"):
        play.env.set_state({**state, "layout": state["layout"] + np.int32(9)})


def test_a_game_refuses_what_it_cannot_change_while_playing(play: Play) -> None:
    for beta in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="shaping_beta"):
            play.env.set_parameters({"shaping_beta": beta})
    with pytest.raises(
        ValueError, match=r"'vision_angl' cannot change.*did you mean 'vision_angle'"
    ):
        play.env.set_parameters({"vision_angl": 90.0})
    with pytest.raises(ValueError, match="'num_seekers' cannot change while playing"):
        play.env.set_parameters({"num_seekers": 2})
    with pytest.raises(ValueError, match="prep_steps must be from 0 to episode_steps - 1"):
        play.env.set_parameters({"prep_share": 1.0})
    with pytest.raises(ValueError, match="exclude each other"):
        play.env.set_parameters({"prep_share": 0.5, "prep_steps": 3})


def test_a_state_with_impossible_lengths_is_refused(play: Play) -> None:
    state = play.env.get_state()
    with pytest.raises(ValueError, match="'prep_steps' must be from 0 to below"):
        play.env.set_state({**state, "prep_steps": state["episode_steps"]})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("heading", 32, "'heading' must be from 0 to 31"),
        ("heading", -1, "'heading' must be from 0 to 31"),
        ("heading", 2**31 - 1, "'heading' must be from 0 to 31"),
        ("layout", -1, "'layout' must be from 0 to"),
        ("pos", -0.6, "'pos' must be from 0 to 12"),
        ("pos", 1e30, "'pos' must be from 0 to 12"),
        ("vel", 0.3, "'vel' must be from -0.25"),
        ("vel", np.inf, "'vel' holds a number that is not finite"),
        ("time", -1, "'time' must be from 0 to 'episode_steps'"),
        ("time", 2**31 - 1, "'time' must be from 0 to 'episode_steps'"),
        ("episode_steps", 2**31 - 1, "'episode_steps' must be from 1 to 100000"),
        ("prep_steps", -(2**31), "'prep_steps' must be from 0"),
        ("raw_return", 1e20, "'raw_return' is more than"),
        ("shaping_return", 1e30, "'shaping_return' is more than the steps played"),
        ("credit", -1e30, "'credit' must be from"),
        ("credit", np.nan, "'credit' holds a number that is not finite"),
        ("seen_steps", 10_000, "'seen_steps' must be from 0"),
        ("first_seen", 10_000, "'first_seen' must be -1 or"),
        ("first_seen", -2, "'first_seen' must be -1 or"),
        ("object_rect", 1e30, "'object_rect' has an object that is not in the arena"),
        ("object_rect", -0.5, "'object_rect' has an object that is not in the arena"),
        ("lock_team", 3, "'lock_team' must be from 0 to 2"),
        ("holding", 6, "'holding' must be from -1 to 5"),
        ("holding", -2, "'holding' must be from -1 to 5"),
        ("holding", 5, "'holding' has an object that is locked, not there, or held by two"),
        ("grip", 32, "'grip' must be from 0 to 31"),
        ("climb", 9, "'climb' must be from 0 to 8"),
        ("near", 64, "'near' must be from 0 to 63"),
        ("near", 32, "'near' has an object that is not there"),
        ("sees_objects", -1, "'sees_objects' must be from 0 to 63"),
        ("sees_objects", 32, "'sees_objects' has an object that is not there"),
        ("stage", 1e30, "'stage' must be from 0 to"),
    ],
)
def test_a_state_that_would_lead_a_kernel_out_of_its_arrays_is_refused(
    play: Play, name: str, value: float, message: str
) -> None:
    state = play.env.get_state()
    state[name].flat[0] = value
    with pytest.raises(ValueError, match=message):
        play.env.set_state(state)
    with pytest.raises(ValueError, match=message):
        check_foreign_state(state, play.env.config, len(play.env.stat_names))


@pytest.mark.parametrize(("rect", "locked"), [((6, 6, 0.6, 0.6), True), ((6, 6, 0, 0.6), False)])
def test_a_state_with_objects_that_no_game_has_is_refused(
    play: Play, rect: tuple[float, ...], locked: bool
) -> None:
    state = play.env.get_state()
    state["object_rect"][1, 3] = rect
    state["lock_team"][1, 3] = locked
    state["holding"][1, 2] = 3
    with pytest.raises(ValueError, match=r"'holding' has an" if locked else "not in the arena"):
        play.env.set_state(state)


def test_one_object_has_one_holder(play: Play) -> None:
    state = play.env.get_state()
    state["object_rect"][0, 4] = (6.0, 6.0, 0.4, 0.4)
    state["holding"][0, 2] = 4
    play.env.set_state(state)
    state["holding"][0, 1] = 4
    with pytest.raises(ValueError, match="held by two"):
        play.env.set_state(state)


@pytest.mark.parametrize("level", ["L2", "L4", "Q"])
def test_a_state_of_its_own_is_taken_back_at_every_step(level: str) -> None:
    """Nothing that a game can come to is refused."""
    play = make_play(64, level=level, shaping_beta=0.5)
    play.reset(*range(64))
    rng = np.random.default_rng(0)
    for _ in range(120):
        actions = play.random_actions(rng)
        for team in actions.values():
            team[..., GRAB] |= rng.random(team.shape[:-1]) < 0.9
        play.step(actions)
        state = play.env.get_state()
        play.env.set_state(state)
        check_foreign_state(state, play.env.config, len(play.env.stat_names))
