"""The length of a run, as the command line and the configuration ask for it."""

from __future__ import annotations

import argparse
from typing import NoReturn

from trainer.config.budget import Budget
from trainer.config.initialization import ResumeBlock
from trainer.config.run_length import Done, budget_of, planned_iterations
from trainer.config.schema import Config
from trainer.errors import UsageError

DEFAULT_TURN = 10
"""Iterations of a turn where alternations are asked for and `train.alternate.every` is null."""


class NothingLeft(UsageError):  # noqa: N818
    """A checkpoint that is as far as the run is to go."""


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
        NothingLeft: there is nothing left to train.
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
    raise NothingLeft(
        f"{name} is at {at} already, and {wanted} asks for no more; "
        f"add --iterations N to train N more"
    )


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
