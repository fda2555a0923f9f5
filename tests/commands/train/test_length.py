"""The length of a run as the options ask for it, on a resume too."""

from __future__ import annotations

import argparse

import pytest

from trainer.commands.train.arguments import overrides_of
from trainer.commands.train.length import describe, iterations_given, resumed_length, with_turns
from trainer.commands.train.main import build_parser
from trainer.config.budget import Budget
from trainer.config.run_length import Done
from trainer.config.schema import Config
from trainer.errors import UsageError


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
    config = Config.from_dict(
        {
            "ppo": {"rollout_length": 10, "minibatch_size": 1, "num_env_steps": 2000},
            "ray": {"num_envs_per_env_runner": 10},
            "train": {"alternate": {"every": 5}},
        }
    )
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
