"""`--resume auto`: one command that starts a run and, given again, continues it.

For whatever starts a command again by itself: a retried job, a restarted pod.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from trainer.checkpoints.selectors import LATEST
from trainer.commands.train.checkpoint_folder import open_folder
from trainer.commands.train.length import NothingLeft, iterations_given, resumed_length
from trainer.commands.train.predecessor import wait_for_predecessor
from trainer.commands.train.start import (
    AUTO,
    RESUME_KEY,
    Start,
    configured_start,
    file_start,
)
from trainer.config.budget import Budget
from trainer.config.run_length import Done
from trainer.config.schema import Config, ConfigGroups
from trainer.errors import UsageError
from trainer.reporting.formatting import plural
from trainer.run.saved_run import SavedRun
from trainer.shown_commands import RESTORE_VARIABLE


class AlreadyDone(Exception):  # noqa: N818 - it is no error
    """The run has its whole length: the command given again has nothing left to do."""


def settled(start: Start, groups: ConfigGroups) -> Start:
    """The start that `auto` means now; any other start as it is.

    It is the newest checkpoint in the run's own folder. Without any it is what would count without
    `auto`: RESTORE_CHECKPOINT, then the configuration, then a new run.

    Raises:
        UsageError: the configuration asks for further iterations, which would add up.
        CheckpointsInUse: another training writes to that place in an object store, and goes on.
        StoreUnavailable: the object store does not answer.
    """
    if start.resume != AUTO or not start.source:
        return start
    if groups.initialization.mode == "resume" and groups.initialization.resume.additional:
        raise UsageError(
            "initialization.resume.additional: each retry would train so many more; with auto set "
            "target_total, the length of the whole run"
        )
    manager = open_folder(groups.ppo.checkpoint_dir)
    wait_for_predecessor(manager)
    saved = manager.listing().checkpoints
    if saved:
        other = configured_start(groups)
        unused = ""
        if other.source == RESTORE_VARIABLE and other.resume != AUTO:
            unused = f"; {RESTORE_VARIABLE} counted for the first start only"
        held = f"{manager.shown} holds {plural(len(saved), 'checkpoint')}"
        return replace(start, resume=LATEST, auto=True, note=f"{_said(start)}: {held}{unused}")
    following = _following(start, groups)
    note = f"{_said(start)}: no checkpoint in {manager.shown} yet"
    return replace(following, auto=True, note=note)


def auto_length(
    args: argparse.Namespace, config: Config, saved: SavedRun, start: Start
) -> tuple[int, Budget | None]:
    """As `resumed_length`, but `--iterations` is the length of the whole run, not so many more.

    Raises:
        AlreadyDone: the run's own newest checkpoint has that length.
        UsageError: the checkpoint that it is to begin with has it.
    """
    done, name = Done.of(saved.metadata), saved.path.name
    iterations = iterations_given(args, config)
    if iterations is not None:
        lengths = {"iterations": None, "alternations": None, "until": iterations}
        args = argparse.Namespace(**{**vars(args), **lengths})
    try:
        return resumed_length(args, config, done, name)
    except NothingLeft as error:
        if start.resume == LATEST:
            raise AlreadyDone(
                f"{start.note}; {name} has the whole length of the run: nothing is left to train"
            ) from None
        if iterations is None:
            raise
        raise UsageError(
            f"{name} is at iteration {done.iteration} already; with auto, {iterations} iterations "
            "are the length of the whole run: give more"
        ) from error


def _said(start: Start) -> str:
    return f"{start.source} auto" if start.source.startswith("--") else f"{start.source} = auto"


def _following(start: Start, groups: ConfigGroups) -> Start:
    """What counts where the source that said `auto` says nothing."""
    if start.source == RESUME_KEY:
        return Start(fresh=True)
    found = file_start(groups) if start.source == RESTORE_VARIABLE else configured_start(groups)
    return _following(found, groups) if found.resume == AUTO else found
