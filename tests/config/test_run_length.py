"""How long a run is: budgets in iterations, the same wherever it is resumed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config.budget import Budget, Spending
from trainer.config.run_length import (
    Done,
    budget_of,
    planned_iterations,
    with_iterations,
    with_plan,
)
from trainer.config.schema import Config
from trainer.config.types import ConfigError

sizes = st.integers(1, 40)


def config_of(worlds: int, length: int, steps: int = 80, **ppo: Any) -> Config:
    return Config.from_dict(
        {
            "env": {"prep_steps": 0, "episode_steps": steps},
            "ppo": {"rollout_length": length, "minibatch_size": 1, **ppo},
            "ray": {"num_envs_per_env_runner": worlds},
        }
    )


def played(worlds: int, length: int, steps: int, iterations: int) -> Done:
    """What is done after so many iterations of worlds that have all begun together."""
    return Done(iterations, iterations * worlds * length, worlds * (iterations * length // steps))


@given(worlds=sizes, length=sizes, steps=sizes, target=st.integers(1, 5000), data=st.data())
def test_a_budget_ends_with_the_first_iteration_that_reaches_it(
    worlds: int, length: int, steps: int, target: int, data: st.DataObject
) -> None:
    for name in ("num_episodes", "num_env_steps"):
        config = config_of(worlds, length, steps, **{name: target})
        budget = budget_of(config)
        assert budget is not None
        last = planned_iterations(config)
        assert budget.reached(played(worlds, length, steps, last))
        assert not budget.reached(played(worlds, length, steps, last - 1))
        done = played(worlds, length, steps, data.draw(st.integers(0, last - 1)))
        assert planned_iterations(config, done) == last


def test_what_was_done_under_another_configuration_counts() -> None:
    half = Done(5, env_steps=5_000, episodes_completed=50)
    assert planned_iterations(config_of(10, 50, num_env_steps=10_000), half) == 5 + 10
    assert planned_iterations(config_of(10, 80, 80, num_episodes=100), half) == 5 + 5


def test_a_budget_takes_the_place_of_the_iterations() -> None:
    assert planned_iterations(config_of(1, 1)) == 300
    assert planned_iterations(config_of(1, 1, num_env_steps=1000)) == 1000
    with pytest.raises(ConfigError, match="exclude each other"):
        config_of(1, 1, num_env_steps=1000, num_episodes=3)


def test_the_time_that_is_left_goes_by_the_pace_of_the_budget() -> None:
    spending = Spending(Budget("env_steps", 1000))
    assert not spending.eta_seconds() >= 0.0  # nan
    for spent in (500, 600, 700):  # a resumed run: the first row holds all that was before
        spending.count({"env_steps": spent}, 2.0)
    assert spending.eta_seconds() == pytest.approx(300 / 100 * 2.0)


def test_a_plan_is_extended_but_never_cut_short() -> None:
    config = config_of(1, 1, num_iterations=100)
    assert with_plan(config, 150).ppo.num_iterations == 150
    assert with_plan(config, 50) == config
    budgeted = config_of(1, 1, num_env_steps=100)
    assert with_plan(budgeted, 1000) == budgeted
    ended = with_iterations(budgeted, 5).ppo
    assert (ended.num_iterations, ended.num_env_steps) == (5, None)


def test_counters_that_a_checkpoint_does_not_have_are_0() -> None:
    known = {"iteration": 5, "env_steps": None, "episodes_completed": -1, "seed": 3}
    assert Done.of(known) == Done(5, 0, 0)
