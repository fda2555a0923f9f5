"""How long a run is: budgets in iterations, the same wherever it is resumed."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.commands.train.arguments import overrides_of
from trainer.commands.train.main import build_parser
from trainer.config.budget import Budget, Spending
from trainer.config.run_length import (
    Done,
    budget_of,
    describe,
    iterations_given,
    planned_iterations,
    resumed_length,
    with_turns,
)
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.errors import UsageError

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


def words(text: str) -> argparse.Namespace:
    return build_parser().parse_args(text.split())


def test_the_options_set_the_budget_of_the_run() -> None:
    assert overrides_of(words("--until-steps 2e6"))[-1] == "ppo.num_env_steps=2000000"
    assert overrides_of(words("--until-episodes 5_000"))[-1] == "ppo.num_episodes=5000"
    assert "ppo.num_env_steps=null" in overrides_of(words("--until-episodes 5"))


@pytest.mark.parametrize(
    "options",
    ["--until-steps 5 --iterations 3", "--until-episodes 5 --until-steps 3", "--until-steps 1.5e0"],
)
def test_options_that_contradict_each_other_are_refused(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        words(options)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("error: argument --")


@pytest.mark.parametrize(
    ("options", "length", "ends"),
    [
        ("", 20, True),
        ("--iterations 3", 13, False),
        ("--until 12", 12, False),
        ("--alternations 2", 10 + 2 * 2 * 5, False),
    ],
)
def test_a_resumed_run_goes_on_to_its_budget(options: str, length: int, ends: bool) -> None:
    config = config_of(10, 10, num_env_steps=2000)
    alternate = config.train.alternate.model_copy(update={"every": 5})
    train = config.train.model_copy(update={"alternate": alternate})
    config = config.model_copy(update={"train": train})
    done = Done(10, env_steps=1000)
    until, budget = resumed_length(words(options), config, done, "checkpoint_000010")
    assert until == length
    assert budget == (Budget("env_steps", 2000) if ends else None)
    full = Done(20, env_steps=2000)
    if ends:
        with pytest.raises(UsageError, match="at 2000 env steps already, and a budget of 2000"):
            resumed_length(words(options), config, full, "checkpoint_000020")


def test_alternations_turn_alternating_training_on() -> None:
    config, turned_on = with_turns(Config(), 3)
    assert turned_on
    assert config.train.alternate.every == 10
    assert iterations_given(words("--alternations 3"), config) == 60
    (line,) = describe(config, None, 60, turned_on=turned_on)
    assert line == "alternating training is on: turns of 10 iterations, to 60"
    assert with_turns(config, 3) == (config, False)
    assert with_turns(Config(), None) == (Config(), False)


def test_an_estimate_says_that_it_is_one() -> None:
    assert describe(Config(), Budget("episodes_completed", 5000), 9) == [
        "budget: 5000 episodes (about 9 iterations, an estimate)"
    ]
    assert describe(Config(), Budget("env_steps", 5000), 9) == [
        "budget: 5000 env steps (9 iterations)"
    ]


def test_the_time_that_is_left_goes_by_the_pace_of_the_budget() -> None:
    spending = Spending(Budget("env_steps", 1000))
    assert not spending.eta_seconds() >= 0.0  # nan
    for spent in (500, 600, 700):  # a resumed run: the first row holds all that was before
        spending.count({"env_steps": spent}, 2.0)
    assert spending.eta_seconds() == pytest.approx(300 / 100 * 2.0)
