"""Carrying out a `RunPlan` and telling the user about it."""

from __future__ import annotations

from trainer.console import make_console
from trainer.resume_report import print_changes, print_schedules
from trainer.run_plan import RunPlan
from trainer.run_start import RunStart
from trainer.stop_signals import StopSignals


def run(plan: RunPlan, *, quiet: bool = False, show_changes: bool = True) -> int:
    """Train as planned; returns the exit code."""
    with make_console(quiet) as console, StopSignals(console.note_stop) as stop:
        if show_changes and plan.restore_path is not None:
            print_changes(plan)
            print_schedules(plan)
        if not quiet:
            print(
                "starting: loading torch and RLlib (the first run also compiles the game) ...",
                flush=True,
            )
        # Here and not above: torch and RLlib take seconds to import, and Ctrl-C is heeded already.
        from trainer.ppo_trainer import train

        outcome = train(
            plan.config,
            console,
            start=RunStart(plan.restore_path, plan.warmstart, plan.mlflow_run_id),
            until=plan.until,
            stop=stop,
        )
        summary: dict[str, object] = {"iteration": f"{outcome.iteration} of {plan.until}"}
        if outcome.checkpoint is None:
            console.stop({**summary, "checkpoint": "none; nothing was trained yet"})
            return outcome.exit_code
        console.stop(
            {**summary, "checkpoint": plan.shown(outcome.checkpoint)},
            plan.next_commands(outcome.iteration, outcome.checkpoint),
        )
        return outcome.exit_code
