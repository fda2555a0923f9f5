"""Carrying out a `RunPlan` and telling the user about it."""

from __future__ import annotations

import argparse
import sys

from trainer.console import make_console
from trainer.errors import TrainingFailed
from trainer.resume_report import print_changes, print_report, print_start, print_ways_on
from trainer.run_plan import RunPlan
from trainer.schedule_report import print_schedules
from trainer.stop_signals import StopSignals


def show_resume(plan: RunPlan, args: argparse.Namespace, *, in_full: bool = False) -> bool:
    """Say what a planned resume means; False, with the ways on, if it cannot be.

    `args` are the options of `add_run_arguments`; `in_full` tells of the checkpoint as well.
    """
    print_start(plan)
    if in_full:
        print_report(plan)
    if print_changes(plan):
        sys.stdout.flush()
        print_ways_on(plan, args)
        return False
    print_schedules(plan)
    return True


def run(plan: RunPlan, *, quiet: bool = False) -> int:
    """Train as planned; returns the exit code."""
    with make_console(quiet) as console, StopSignals(console.note_stop) as stop:
        if not quiet:
            print(
                "starting: loading torch and RLlib (the first run also compiles the game) ...",
                flush=True,
            )
        # Here and not above: torch and RLlib take seconds to import, and Ctrl-C is heeded already.
        from trainer.ppo_trainer import train

        try:
            outcome = train(plan.config, console, start=plan.start, until=plan.until, stop=stop)
        except TrainingFailed as failed:
            raise TrainingFailed(f"{failed}; {plan.way_on(failed)}") from failed
        summary: dict[str, object] = {"iteration": f"{outcome.iteration} of {plan.until}"}
        if outcome.checkpoint is None:
            console.stop({**summary, "checkpoint": "none; nothing was trained yet"})
            return outcome.exit_code
        console.stop(
            {**summary, "checkpoint": plan.shown(outcome.checkpoint)},
            plan.next_commands(outcome.iteration, outcome.checkpoint),
        )
        return outcome.exit_code
