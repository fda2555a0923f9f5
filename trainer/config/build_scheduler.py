"""The scheduler of a run, new or resumed, from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trainer.config.run_length import planned_iterations
from trainer.config.schedule_rules import base_values, promotion_of
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import Continuation, ResumePolicy, continue_schedules
from trainer.schedules.curves import Schedule
from trainer.schedules.scheduler import LOGIT_BIAS, Scheduler

_MOST_CHECKS = 2000  # iterations of a run that `check_game_schedules` tries


def build_scheduler(config: Config, until: int | None = None) -> Scheduler:
    """The scheduler of a new run that ends at iteration `until` (None: as configured)."""
    planned = max(planned_iterations(config), until or 0)
    alternate, game = config.train.alternate, config.played
    teams = tuple(game.team_sizes)
    turn = teams.index(alternate.first)
    return Scheduler.fresh(
        config.configured_schedules,
        base_values(game, config.ppo),
        config.schedules.total_iterations or planned,
        Alternation(teams[turn:] + teams[:turn], alternate.every),
        game.action_choices,
        promotion_of(game, config.configured_schedules),
    )


def resume_scheduler(
    config: Config,
    until: int,
    saved: Mapping[str, Any] | None,
    iteration: int,
    *,
    carry: bool = True,
) -> tuple[Scheduler, Continuation]:
    """The scheduler of a run that is resumed at `iteration` to train until `until`.

    Args:
        config: in force from now on.
        until: the iteration that is trained up to.
        saved: `Scheduler.state` of the checkpoint, if it has one.
        iteration: iterations done.
        carry: keep the saved schedules that `config` does not mention.

    Raises:
        ValueError, KeyError, TypeError: `saved` is not a state.
    """
    group = config.schedules
    fixed_total = group.total_iterations is not None
    policy = ResumePolicy(group.mode, group.extend == "rescale", fixed_total, carry)
    return continue_schedules(build_scheduler(config, until), saved, iteration, policy)


def with_schedules(config: Config, schedules: Mapping[str, Schedule]) -> Config:
    """The configuration with those schedules, by setting, that it does not mention itself."""
    values = config.to_dict()
    for name, schedule in schedules.items():
        if name in config.configured_schedules:
            continue
        owner, _, setting = name.partition("/")
        group = values["schedules"][owner]
        if setting.startswith(f"{LOGIT_BIAS}."):
            group, setting = group[LOGIT_BIAS], setting.removeprefix(f"{LOGIT_BIAS}.")
        group[setting] = schedule.to_dict()
    return type(config).from_dict(values)


def check_game_schedules(config: Config, scheduler: Scheduler, until: int) -> None:
    """Checks that the game can be played with its scheduled numbers from now to `until`.

    Raises:
        ConfigError: naming the first iteration at which it cannot.
    """
    run = replace(scheduler)
    for iteration in range(run.iteration, until, max(1, (until - run.iteration) // _MOST_CHECKS)):
        run.iteration = iteration
        try:
            config.played.with_parameters(run.env_parameters())
        except ValueError as error:
            raise ConfigError(f"schedules.env: at iteration {iteration + 1}: {error}") from None
