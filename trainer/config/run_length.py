"""The length of a run, in iterations, alternations, or a budget of episodes or env steps."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from trainer.config.budget import Budget
from trainer.config.initialization import ResumeBlock
from trainer.config.schema import Config
from trainer.errors import UsageError

DEFAULT_TURN = 10
"""Iterations of a turn where alternations are asked for and `train.alternate.every` is null."""
PLAN_KEY = "ppo.num_iterations"
NO_BUDGET = {"num_episodes": None, "num_env_steps": None}


@dataclass(frozen=True)
class Done:
    """The counters of a checkpoint; all 0 for a new run."""

    iteration: int = 0
    env_steps: int = 0
    episodes_completed: int = 0

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Done:
        """The counters in a checkpoint's metadata, 0 where it has none."""
        found = {name: metadata.get(name) for name in cls.__dataclass_fields__}
        return cls(**{n: v if isinstance(v, int) and v >= 0 else 0 for n, v in found.items()})


def budget_of(config: Config) -> Budget | None:
    """The configured budget; None: `ppo.num_iterations` counts."""
    if config.ppo.num_episodes is not None:
        return Budget("episodes_completed", config.ppo.num_episodes)
    if config.ppo.num_env_steps is not None:
        return Budget("env_steps", config.ppo.num_env_steps)
    return None


def planned_iterations(config: Config, done: Done | None = None) -> int:
    """The iteration at which the configured run ends.

    For a budget of steps it is exact as long as no runner is lost; for one of episodes it is an
    estimate if the length of an episode changes. It is the same wherever the run is resumed.

    Args:
        config: the run's configuration.
        done: the counters so far, perhaps reached under another configuration.
    """
    done = done or Done()
    budget = budget_of(config)
    if budget is None:
        return config.ppo.num_iterations
    worlds, length = config.ray.num_envs, config.ppo.rollout_length
    steps = worlds * length  # per iteration
    if done.env_steps == done.iteration * steps:
        whole = _iterations(config, budget.target, 0)
        return max(whole, done.iteration + 1)
    left = budget.target - int(getattr(done, budget.counter))
    # A world's place in its episode, as if all had begun together.
    played = done.env_steps // worlds % config.played.episode_steps
    return done.iteration + max(1, _iterations(config, left, played))


def _iterations(config: Config, target: int, played: int) -> int:
    """Iterations until `target` episodes or steps, with worlds that are `played` steps into one."""
    worlds, length = config.ray.num_envs, config.ppo.rollout_length
    if config.ppo.num_episodes is None:
        return -(-target // (worlds * length))
    games = -(-target // worlds)  # of each world
    return -(-(games * config.played.episode_steps - played) // length)


def with_turns(config: Config, alternations: int | None) -> tuple[Config, bool]:
    """The configuration with alternating training if alternations are asked for.

    Returns:
        The configuration, and whether alternating training had to be turned on.
    """
    if alternations is None or config.train.alternate.every is not None:
        return config, False
    alternate = config.train.alternate.model_copy(update={"every": DEFAULT_TURN})
    train = config.train.model_copy(update={"alternate": alternate})
    return config.model_copy(update={"train": train}), True


def iterations_given(args: argparse.Namespace, config: Config) -> int | None:
    """The number of (further) iterations that the command line asks for, if any."""
    if args.alternations is not None:
        return 2 * int(args.alternations) * (config.train.alternate.every or DEFAULT_TURN)
    return None if args.iterations is None else int(args.iterations)


def resumed_length(
    args: argparse.Namespace, config: Config, done: Done, name: str
) -> tuple[int, Budget | None]:
    """The last iteration of a resumed run, and the budget if one decides it.

    Args:
        args: the options of `add_run_arguments`.
        config: the configuration in force from now on.
        done: the counters of the checkpoint.
        name: the checkpoint's name.

    Raises:
        UsageError: there is nothing left to train.
    """
    block = config.initialization.resume
    if config.initialization.mode != "resume":
        block = ResumeBlock()
    iterations, budget = iterations_given(args, config), budget_of(config)
    if iterations is None and args.until is None and _no_budget_asked(args):
        iterations = block.additional
    if iterations is not None:
        return done.iteration + iterations, None
    until, source = config.ppo.num_iterations, "ppo.num_iterations ="
    if args.until is not None:
        until, source = int(args.until), "--until"
    elif block.target_total is not None and _no_budget_asked(args):
        until, source = block.target_total, "initialization.resume.target_total ="
    elif budget is not None:
        if budget.reached(done):
            _refuse(
                name, getattr(done, budget.counter), budget.unit, f"a budget of {budget.target}"
            )
        return planned_iterations(config, done), budget
    if until <= done.iteration:
        _refuse(name, done.iteration, "", f"{source} {until}")
    return until, None


def _no_budget_asked(args: argparse.Namespace) -> bool:
    return args.until_episodes is None and args.until_steps is None


def _refuse(name: str, done: int, unit: str, wanted: str) -> NoReturn:
    at = f"{done} {unit}" if unit else f"iteration {done}"
    raise UsageError(
        f"{name} is at {at} already, and {wanted} asks for no more; "
        f"add --iterations N to train N more"
    )


def with_iterations(config: Config, iterations: int) -> Config:
    """The configuration of a run that ends at this iteration."""
    ppo = config.ppo.model_copy(update={"num_iterations": iterations, **NO_BUDGET})
    return config.model_copy(update={"ppo": ppo})


def with_plan(config: Config, until: int) -> Config:
    """The configuration of a run that trains until `until`, which extends its plan if it is later.

    A run that is stopped before that iteration is then resumed with the extended plan.
    """
    if budget_of(config) is not None or until <= config.ppo.num_iterations:
        return config
    return with_iterations(config, until)


def describe(
    config: Config, budget: Budget | None, until: int, *, turned_on: bool = False
) -> list[str]:
    """The lines of a report on the length of a run."""
    lines = []
    if turned_on:
        every = config.train.alternate.every
        lines.append(f"alternating training is on: turns of {every} iterations, to {until}")
    if budget is not None:
        estimated = budget.counter == "episodes_completed"
        around = f"about {until} iterations, an estimate" if estimated else f"{until} iterations"
        lines.append(f"budget: {budget.target} {budget.unit} ({around})")
    return lines
