"""The plan of a run: how it starts, where it saves and how far it trains.

Planning writes, moves and creates nothing. It imports neither Ray nor torch, so that a mistake is
reported at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.checkpoints.safe_io.safe_json import first_line, shown
from trainer.checkpoints.selectors import KEYWORDS
from trainer.commands.players.names import SHIPPED_WORD
from trainer.commands.players.shelf import shipped_checkpoint
from trainer.commands.train.arguments import flags_of
from trainer.commands.train.auto import auto_length, settled
from trainer.commands.train.checkpoint_folder import (
    check_curves_writable,
    check_writable,
    find,
    find_to_resume,
    open_folder,
    refuse_occupied,
)
from trainer.commands.train.configuration import Continued, Given, continued, given
from trainer.commands.train.length import describe, iterations_given, resumed_length, with_turns
from trainer.commands.train.start import Start, configured_start, tracked_start
from trainer.config.budget import Budget
from trainer.config.build_scheduler import build_scheduler, check_game_schedules, resume_scheduler
from trainer.config.loading import AnyConfig
from trainer.config.run_length import (
    Done,
    budget_of,
    planned_iterations,
    with_iterations,
    with_plan,
)
from trainer.config.schema import Config, ConfigGroups
from trainer.config.types import checked_place
from trainer.errors import IncompatibleCheckpoint, UsageError
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun, refuse_own_game
from trainer.run.saved_state.training_state import STATE_FILE
from trainer.schedules.continuation import Continuation
from trainer.schedules.scheduler import Scheduler
from trainer.shown_commands import shown_path


@dataclass(frozen=True)
class RunPlan:
    """A run, decided but not started.

    Attributes:
        config: resolved, with the checkpoint folder it will really use.
        origin: the checkpoints it starts from.
        until: the iteration to train up to; with a budget the one that is expected to reach it.
        schedules: those it starts with, or why the checkpoint's cannot be read.
        budget: what ends the run instead of `until`.
        configured: for a resumed run, where its configuration comes from.
        continuation: for a resumed run, how the schedules of its checkpoint are continued.
        turned_on: whether alternating training is new, because alternations were asked for.
        flags: what the command line says of the run's values.
        source: what has named the checkpoint to resume, as in `Start`.
        note: what `auto` has chosen, as in `Start`.
    """

    config: Config
    origin: RunOrigin
    until: int
    schedules: Scheduler | str
    budget: Budget | None = None
    configured: Continued | None = None
    continuation: Continuation | None = None
    turned_on: bool = False
    flags: tuple[str, ...] = ()
    source: str = ""
    note: str = ""

    @property
    def restore_path(self) -> Path | None:
        """The checkpoint to resume; None for a new run."""
        return self.origin.restore_path

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the checkpoint to resume; empty for a new run."""
        return {} if self.origin.saved is None else self.origin.saved.metadata

    @property
    def first_iteration(self) -> int:
        """Iterations done before the run starts."""
        return 0 if self.origin.saved is None else self.origin.saved.iteration

    def length(self) -> list[str]:
        """How long the run takes, line by line; nothing where `until` says it all."""
        return describe(self.config, self.budget, self.until, turned_on=self.turned_on)

    def shown(self, checkpoint: Path) -> str:
        """A checkpoint of the run, or the one it resumes, as a user would type it."""
        return shown_path(open_folder(self.config.ppo.checkpoint_dir).address(checkpoint))


def plan_run(args: argparse.Namespace, start: Start) -> RunPlan:
    """The plan for a command; `args` are the options of `add_run_arguments`.

    Raises:
        UsageError, ConfigError: exit code 2.
        NoUsableCheckpoint: exit code 3.
        AlreadyDone: `auto` finds that the run has its whole length.
    """
    asked = given(args)
    groups = asked.groups()
    if args.checkpoint_dir is not None:
        groups = _with_checkpoint_dir(groups, args.checkpoint_dir)
    if start == Start():
        start = configured_start(groups)
    start = settled(start, groups)
    if start.mlflow_run_id is not None:
        asked, start = tracked_start(asked, groups, start.mlflow_run_id)
    if start.resume is not None:
        return _resume_plan(asked, groups, start, start.resume)
    return _new_plan(asked, start)


def _new_plan(asked: Given, start: Start) -> RunPlan:
    args, config = asked.args, asked.config()
    home = config.ppo.checkpoint_dir
    if args.checkpoint_dir is not None:
        config = _with_checkpoint_dir(config, args.checkpoint_dir)
    config, turned_on = with_turns(config, args.alternations)
    iterations = iterations_given(args, config)
    if iterations is not None:  # this is the whole run, and its schedules end there
        config = with_iterations(config, iterations)
    if start.warmstart is not None:
        block = config.initialization.warmstart.model_copy(update={"checkpoint": start.warmstart})
        initialization = config.initialization.model_copy(update={"warmstart": block})
        config = config.model_copy(update={"initialization": initialization})
    sources = {} if start.fresh else config.initialization.warmstart.sources()
    warmstart = {
        f"{team}_policy": _find_source(selector, home, config.ppo.checkpoint_dir, start.source)
        for team, selector in sources.items()
    }
    refuse_occupied(config.ppo.checkpoint_dir)
    check_writable(config.ppo.checkpoint_dir)
    check_curves_writable(config.tracking.tensorboard_dir)
    until = args.until or planned_iterations(config)
    schedules = build_scheduler(config, until)
    check_game_schedules(config, schedules, until)
    return RunPlan(
        config=with_plan(config, until),
        origin=RunOrigin(warmstart=warmstart, config_file=asked.file),
        until=until,
        schedules=schedules,
        budget=None if args.until else budget_of(config),
        turned_on=turned_on,
        flags=tuple(flags_of(args)),
        note=start.note,
    )


def _find_source(selector: str, home: str, new: str, source: str) -> Path:
    """The checkpoint for a warm start, also the one that comes with the project: selectors mean the
    folder of the configuration, not the new one of --checkpoint-dir."""
    if selector == SHIPPED_WORD:
        return shipped_checkpoint()
    try:
        checkpoint = find(selector, home, source)
        _refuse_own_game(checkpoint)
        return checkpoint
    except NoUsableCheckpoint as error:
        if nearest(selector, [*KEYWORDS, SHIPPED_WORD]) == SHIPPED_WORD:
            text = f"no such checkpoint: {shown(selector)}; did you mean {SHIPPED_WORD!r}?"
            raise NoUsableCheckpoint(f"{source}: {text}" if source else text) from None
        if home == new:
            raise
        raise NoUsableCheckpoint(
            f"{error}\nLooked for in {open_folder(home).shown} (ppo.checkpoint_dir): "
            f"--checkpoint-dir {open_folder(new).shown} is for the new run"
        ) from None


def _refuse_own_game(checkpoint: Path | SavedRun) -> None:
    instead = "Resume it in its own program: create_ppo_trainer(config, CHECKPOINT, game=...)"
    refuse_own_game(checkpoint, "main.py and continue_training.py train", instead)


def _resume_plan(asked: Given, groups: ConfigGroups, start: Start, selector: str) -> RunPlan:
    args, place = asked.args, groups.ppo.checkpoint_dir
    best_given = asked.says("ppo.keep_best_") or asked.says("evaluation.best")
    best = groups.retention if best_given else None
    try:
        found = find_to_resume(selector, place, start.source, best)
    except NoUsableCheckpoint:
        if selector != SHIPPED_WORD:
            raise
        raise IncompatibleCheckpoint(
            f"{SHIPPED_WORD} cannot be resumed: it holds policies alone, no state of a training.\n"
            f"Start a new run with them: python main.py --warmstart {SHIPPED_WORD}"
        ) from None
    _refuse_own_game(found.saved)
    found.saved.check_resumable()
    asked_for = args.checkpoint_dir is not None or asked.says("ppo.checkpoint_dir")
    own_folder = asked_for or start.auto  # where a retry looks
    if found.place != place and own_folder:
        refuse_occupied(place)
    else:
        place = found.place  # a run is resumed in its own folder
    check_writable(place)
    saved = found.saved
    configured = continued(asked, saved)
    check_curves_writable(configured.config.tracking.tensorboard_dir)
    config = _with_checkpoint_dir(configured.config, place)
    config = config.model_copy(update={"initialization": groups.initialization})
    config, turned_on = with_turns(config, args.alternations)
    if start.auto:
        until, budget = auto_length(args, config, saved, start)
    else:
        until, budget = resumed_length(args, config, Done.of(saved.metadata), saved.path.name)
    config = with_plan(config, until)
    origin = RunOrigin(
        saved=saved,
        mlflow_run_id=start.mlflow_run_id,
        config_file=configured.file,
        carry_schedules=configured.merge is None,
        damaged=found.damaged,
    )
    schedules, continuation = _resumed_schedules(config, until, saved, origin.carry_schedules)
    if isinstance(schedules, Scheduler):
        check_game_schedules(config, schedules, until)
    return RunPlan(
        config=config,
        origin=origin,
        until=until,
        schedules=schedules,
        budget=budget,
        configured=configured,
        continuation=continuation,
        turned_on=turned_on,
        flags=tuple(flags_of(args)),
        source=start.source,
        note=start.note,
    )


def _resumed_schedules(
    config: Config, until: int, saved: SavedRun, carry: bool
) -> tuple[Scheduler | str, Continuation | None]:
    """The schedules of a checkpoint, continued; or why that cannot be, as restoring will refuse."""
    file = saved.path / layout.CONFIG
    try:
        _ = saved.own_game  # in its file, which says what the state can hold
        file = saved.path / layout.TRAINING_STATE / STATE_FILE
        state = saved.state_values.get("schedules")
        return resume_scheduler(config, until, state, saved.iteration, carry=carry)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"{file} cannot be read: {first_line(error)}", None


def _with_checkpoint_dir(config: AnyConfig, directory: str) -> AnyConfig:
    try:
        ppo = config.ppo.model_copy(update={"checkpoint_dir": checked_place(directory)})
    except ValueError as error:
        raise UsageError(f"--checkpoint-dir (ppo.checkpoint_dir): {error}") from None
    return config.model_copy(update={"ppo": ppo})
