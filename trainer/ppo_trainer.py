"""Building a trainer and running it: the training loop.

trainer, config = create_ppo_trainer(config, restore_path="checkpoints/checkpoint_000050")
action = trainer.compute_single_action(observation, policy_id="seeker_policy", explore=False)

A game of one's own is given as `game=Game("name", make_env)` to either function (`envs.game`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trainer.cluster.environment  # noqa: F401 - first: Ray and torch read it at import
from envs.game import Game
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from trainer.checkpoints.manager import CheckpointManager
from trainer.cluster.ray_failures import check_ray, failures_of_learners, failures_of_ray
from trainer.cluster.ray_session import start_ray, stop_ray
from trainer.cluster.resources import StoppedWaiting, node_of, store_notice
from trainer.cluster.waits import Tell, bounded_wait, silent
from trainer.config.budget import Budget
from trainer.config.build_scheduler import with_schedules
from trainer.config.loading import load_config
from trainer.config.own_game import OwnGameConfig, config_class
from trainer.config.run_length import budget_of, planned_iterations
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.evaluation.evaluations import Evaluations
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.algorithm_config import EnvMaker, algorithm_config, network_specs
from trainer.reporting.console.console import Console
from trainer.reporting.console.make_console import make_console
from trainer.run.identity import RunOrigin
from trainer.run.memory_check import check_memory, rollout_bytes
from trainer.run.metrics_row import metrics_row
from trainer.run.recorder import RunRecorder
from trainer.run.restore import restore
from trainer.run.saved_run import SavedRun
from trainer.run.saved_state.resume_state import read_resume_state
from trainer.run.stop_signals import StopSignals
from trainer.run.warmstart import level_notes, load_networks, notes_on, start_from
from trainer.run.warmstart_pools import load_pools, take_along

__all__ = ["CheckpointManager", "Game", "TeamPPO", "create_ppo_trainer", "train"]

_STARTING = "the env runners and learners to start"


@dataclass(frozen=True)
class TrainingOutcome:
    """How a run ended.

    Attributes:
        iteration: the last iteration done.
        checkpoint: the last checkpoint, None if nothing was ever saved.
        exit_code: 0 done, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
        finished: whether it reached its planned length.
    """

    iteration: int
    checkpoint: Path | None
    exit_code: int
    finished: bool


def train(
    config: Config | Mapping[str, Any] | str | Path,
    console: Console | None = None,
    *,
    game: Game | None = None,
    origin: RunOrigin | None = None,
    until: int | None = None,
    budget: Budget | None = None,
    stop: StopSignals | None = None,
    on_saved: Callable[[Path], None] = lambda checkpoint: None,
    on_built: Callable[[], None] = lambda: None,
) -> TrainingOutcome:
    """Trains and saves as configured; nothing on disk changes before the first iteration is done.

    Args:
        config: a `Config`, plain nested values, or a YAML file.
        console: shows the start, every iteration, checkpoints and warnings; None: one that says
            little.
        game: another game than hide and seek.
        origin: what the run begins with; None: a fresh run.
        until: the last iteration, or with a budget only where the schedules end; None: this and
            the budget as configured.
        budget: of episodes or env steps, which ends the run in place of `until`.
        stop: a stop request ends the run after the current iteration, with a checkpoint; SIGUSR1
            saves one and training continues. None: handlers are installed for this call.
        on_saved: called with each committed checkpoint, in another thread.
        on_built: called once when all processes run.
    """
    config = as_config(config, game)
    origin, console = origin or RunOrigin(), console or make_console(quiet=True)
    if until is None:
        until, budget = planned_iterations(config), budget_of(config)
    with contextlib.ExitStack() as cleanup:
        stop = stop or cleanup.enter_context(StopSignals())
        cleanup.callback(stop_ray)
        cleanup.enter_context(failures_of_ray())
        try:
            trainer, config = create_ppo_trainer(
                config,
                restore_path=origin.saved,
                warmstart=origin.warmstart,
                until=until,
                carry_schedules=origin.carry_schedules,
                tell=console.message,
                stopped=lambda: stop.requested,
            )
        except StoppedWaiting:
            done = 0 if origin.saved is None else int(origin.saved.metadata["iteration"])
            return TrainingOutcome(done, None, stop.exit_code, finished=False)
        cleanup.callback(trainer.stop)
        evaluations = Evaluations(trainer, config)
        on_built()
        stop.install()  # again: Ray has put its own handlers there
        recorder = cleanup.enter_context(RunRecorder(trainer, config, console, origin, on_saved))
        cleanup.enter_context(failures_of_learners(trainer.learner_group))
        progress = trainer.progress

        def finished() -> bool:
            return progress.iteration >= until if budget is None else budget.reached(progress)

        if not stop.requested:
            console.start(until, progress.iteration + 1, recorder.info(), budget)
        while not (finished() or stop.requested):
            check_ray()
            trainer.train()
            measured = evaluations.after_iteration(last=finished() or stop.requested)
            lap = recorder.lap()
            progress.time_total_s += lap.total_s
            row = metrics_row(progress, trainer.last, lap, config.played, measured)
            recorder.write(row)
            due = progress.iteration % config.ppo.checkpoint_freq == 0
            if (stop.take_save_request() or due) and not finished():
                recorder.save(row)
        recorder.finish(final=finished(), stopped=stop.requested)
        return TrainingOutcome(
            progress.iteration, recorder.last_checkpoint, stop.exit_code, finished()
        )


def create_ppo_trainer(
    config: Config | Mapping[str, Any] | str | Path,
    restore_path: str | Path | SavedRun | None = None,
    warmstart: Mapping[str, Path] | None = None,
    until: int | None = None,
    *,
    game: Game | None = None,
    carry_schedules: bool = True,
    tell: Tell = silent,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[TeamPPO, Config]:
    """Builds a trainer: fresh, exactly as a checkpoint left it, or new with trained networks.

    Args:
        config: a `Config`, plain nested values (as `yaml.safe_load` returns), or a YAML file.
        restore_path: checkpoint folder to resume, or the run that was opened there, or None.
        warmstart: for a new run, the checkpoint folder whose network a policy starts with.
        until: the iteration where the schedules end; None: as configured.
        game: another game than hide and seek.
        carry_schedules: schedules of the checkpoint that `config` does not mention continue.
        tell: gets a line whenever it waits for a Ray cluster or for processes there.
        stopped: whether to give up waiting for room in a cluster.

    Returns:
        The trainer (`train()`, `compute_single_action(...)`, `progress`, `restore_notes`, `stop()`)
        and the resolved configuration, with the schedules that continue.

    Raises:
        ConfigError: the configuration cannot be used.
        CheckpointCorrupted, InvalidState, IncompatibleCheckpoint, RestoreFailed: see
        `trainer/run/restore.py`.
    """
    config = as_config(config, game)
    check_memory(config)
    specs = network_specs(config, config.played.spec.teams)
    saved = None
    if restore_path is not None:
        if not isinstance(restore_path, SavedRun):
            restore_path = SavedRun.open(restore_path)
        saved = read_resume_state(restore_path, specs, config)
    moments = config.initialization.warmstart.normalizer
    weights = load_networks(warmstart or {}, specs, normalizer=moments)
    takes_pools = config.initialization.warmstart.opponents and config.keeps_opponents
    pools = load_pools(warmstart or {}, tuple(config.played.team_sizes)) if takes_pools else {}
    with contextlib.ExitStack() as undo:  # what fails from here on leaves no actors behind
        make_env, begun = worlds_of(config), 0 if saved is None else saved.rllib.iteration
        if start_ray(config.ray, make_env, tell, stopped):
            undo.callback(stop_ray)
        blueprint = algorithm_config(config, make_env, until, config.played.spec, begun)
        with contextlib.nullcontext() if config.ray.is_local else bounded_wait(_STARTING, tell):
            trainer: TeamPPO = blueprint.build_algo()
        undo.callback(trainer.stop)
        trainer.tell = tell
        if config.ray.num_env_runners or config.ray.num_learners:
            places = trainer.foreach_runner(node_of), trainer.foreach_learner(node_of)
            if notice := store_notice(rollout_bytes(config), *places):
                tell(notice)
        if saved is not None:
            until = until or planned_iterations(config)
            trainer.restore_notes = restore(trainer, saved, config, until, carry=carry_schedules)
            config = with_schedules(config, trainer.schedules.configured)
        elif weights:
            digest = start_from(trainer, weights)
            notes = [*notes_on(weights), *take_along(trainer, pools)]
            if not isinstance(config, OwnGameConfig):
                notes = [*level_notes(warmstart or {}, config.env.levels[0]), *notes]
            trainer.restore_notes = [*notes, f"weights {digest[:12]}"]
        undo.pop_all()
    return trainer, config


def as_config(config: Config | Mapping[str, Any] | str | Path, game: Game | None = None) -> Config:
    """The configuration of a run of `game` (None: hide and seek, or as `config` says).

    Raises:
        ConfigError: it cannot be used, or is of another game.
    """
    if isinstance(config, Config):
        if game is not None and config.played is not game:
            raise ConfigError(f"the configuration is not of the game {game.name!r}")
        return config
    schema = Config if game is None else config_class(game)
    if isinstance(config, (str, Path)):
        return load_config(config, schema=schema)
    return schema.from_dict(config)


def worlds_of(config: Config) -> EnvMaker:
    """What makes the worlds of a run."""
    if isinstance(config, OwnGameConfig):
        return config.played.make_env
    return partial(HideAndSeekBatchEnv, config.game)
