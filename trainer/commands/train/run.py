"""Runs a `RunPlan` and reports its end."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from trainer.checkpoints import layout
from trainer.cluster.addresses import check_cluster, needs_ray
from trainer.cluster.exit_watch import ExitWatch
from trainer.commands.compilation import compilation_told
from trainer.commands.imports import large_imports
from trainer.commands.train.checkpoint_folder import try_writing
from trainer.commands.train.next_steps import after_end, after_failure, how_to_resume
from trainer.commands.train.plan import RunPlan
from trainer.errors import TrainingFailed
from trainer.reporting.console.console import Console
from trainer.reporting.console.make_console import make_console
from trainer.reporting.mlflow_store import check_uri
from trainer.run.stop_signals import StopSignals


def run(plan: RunPlan, *, quiet: bool = False) -> int:
    """Trains as planned; returns the exit code."""
    check_cluster(plan.config.ray)
    try_writing(plan.config.ppo.checkpoint_dir)
    if plan.config.tracking.mlflow:
        check_uri(plan.config.tracking.mlflow_uri)
    with (
        ExitWatch(
            how_to_resume(plan, plan.restore_path), active=needs_ray(plan.config.ray)
        ) as watch,
        make_console(quiet) as console,
        StopSignals(console.note_stop, partial(_leave, console, watch)) as stop,
    ):
        if not quiet:
            for line in plan.length():
                print(line)
            print("starting: loading torch and RLlib ...", flush=True)
        # Here and not above: torch and RLlib take seconds to import, and Ctrl-C is handled already.
        with large_imports():
            from trainer.cluster.ray_session import daemons
            from trainer.ppo_trainer import train

        def remember(checkpoint: Path) -> None:
            done = layout.iteration_of(checkpoint.name) or plan.first_iteration
            finished = plan.budget is None and done >= plan.until
            stop.resume_command = after_end(plan, checkpoint, finished=finished)[0]
            watch.set_resume_command(how_to_resume(plan, checkpoint))

        if plan.restore_path is not None:
            remember(plan.restore_path)
        try:
            with compilation_told(console.compiling):
                outcome = train(
                    plan.config,
                    console,
                    origin=plan.origin,
                    until=plan.until,
                    budget=plan.budget,
                    stop=stop,
                    on_saved=remember,
                    on_built=lambda: watch.name_processes(daemons()),
                )
        except TrainingFailed as failed:
            raise TrainingFailed(f"{failed}; {after_failure(plan, failed)}") from failed
        summary: dict[str, object] = {"iteration": f"{outcome.iteration} of {plan.until}"}
        if outcome.iteration == plan.first_iteration:
            again = [] if plan.restore_path is None else after_end(plan, plan.restore_path)[:1]
            console.stop({**summary, "stopped": "nothing was trained; nothing was changed"}, again)
            return outcome.exit_code
        assert outcome.checkpoint is not None
        if stop.requested and not outcome.finished:
            summary["stopped"] = "as asked, before its end; the run can be continued"
        console.stop(
            {**summary, "checkpoint": plan.shown(outcome.checkpoint)},
            after_end(plan, outcome.checkpoint, finished=outcome.finished),
        )
        return outcome.exit_code


def _leave(console: Console, watch: ExitWatch) -> None:
    watch.silence()
    console.note_leave()
