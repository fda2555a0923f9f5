"""Numbers of the game that change while it is played: a curriculum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.kernels.state import Rules
from tests.envs.playing import Play, make_play, place

GAME: dict[str, Any] = {"level": "L1", "prep_steps": 4, "episode_steps": 12}


def played(play: Play, steps: int) -> list[np.ndarray]:
    """The dones of some random steps."""
    rng = np.random.default_rng(0)
    dones = []
    for _ in range(steps):
        play.step(play.random_actions(rng))
        dones.append(play.dones.copy())
    return dones


def test_a_length_counts_from_the_next_episode() -> None:
    play = make_play(3, **GAME)
    play.reset(0, 1, 2)
    played(play, 5)
    play.env.set_parameters({"episode_steps": 20, "prep_share": 0.25})
    ends = [bool(dones.all()) for dones in played(play, 27)]
    assert [step for step, ended in enumerate(ends) if ended] == [6, 26]
    assert (play.env.episode_stats[:, 0] == 20).all()
    assert (play.env.world.prep_steps == 5).all()


def test_the_rest_counts_from_the_next_step() -> None:
    # One seeker looks along +x; the hider stands 60 degrees off its line of sight.
    x, y = 6.0 + 2.0 * np.cos(np.pi / 3), 6.0 + 2.0 * np.sin(np.pi / 3)
    play = place([], [(6.0, 6.0, 0)], [(x, y, 0)], vision_angle=90.0)
    assert not play.env.world.sees[0, 0, 1]
    play.env.set_parameters({"vision_angle": 150.0})
    play.env.observe(play.out)
    assert play.env.world.sees[0, 0, 1]
    play.env.set_parameters({"vision_range": 1.0})
    play.env.observe(play.out)
    assert not play.env.world.sees[0, 0, 1]
    assert play.env.config.vision_angle == 150.0


def test_a_world_in_mid_episode_goes_on_with_its_own_lengths() -> None:
    play, other = make_play(2, **GAME), make_play(2, **GAME)
    for one in (play, other):
        one.reset(1, 2)
        one.env.set_parameters({"episode_steps": 30})
    played(play, 13)
    other.env.set_parameters({"episode_steps": 8})
    other.env.set_state(play.env.get_state())
    assert (other.env.world.episode_steps == 30).all()


def test_steps_are_rounded_and_shares_follow_the_length() -> None:
    play = make_play(1, **GAME)
    play.env.set_parameters({"prep_share": 0.5, "episode_steps": 21.4})
    assert (play.env.config.prep_steps, play.env.config.episode_steps) == (10, 21)
    assert play.env.config.level == "L1"


def same(one: Rules, other: Rules) -> bool:
    return all(np.array_equal(getattr(one, k), getattr(other, k)) for k in Rules._fields)


def test_what_was_before_can_be_set_again() -> None:
    play = make_play(1, **GAME)
    config, rules = play.env.config, play.env.rules
    before = play.env.set_parameters({"prep_share": 0.5, "vision_range": 3.0, "shaping_beta": 1.0})
    assert not same(play.env.rules, rules)
    play.env.set_parameters(before)
    assert play.env.config == config
    assert same(play.env.rules, rules)


def test_lengths_that_do_not_fit_are_refused() -> None:
    play = make_play(1, **GAME)
    play.env.set_parameters({"prep_steps": 10})
    with pytest.raises(ValueError, match="prep_steps"):
        play.env.set_parameters({"episode_steps": 10})
