"""What is read from a job's log, as the console of a training writes it."""

from __future__ import annotations

import io

from tests.reporting.rows import make_row
from trainer.commands.submit.log_progress import LogProgress, read_progress
from trainer.config.budget import Budget
from trainer.reporting.console.line_console import LineConsole

FIRST = "2026-11-22 INFO job_manager.py:581 -- Runtime env is setting up.\n"


def test_the_progress_of_a_run() -> None:
    assert read_progress(FIRST) == LogProgress()
    stream = io.StringIO(FIRST)
    stream.seek(0, io.SEEK_END)
    stream.write("RESTORING from checkpoint: s3://bucket/runs/a/checkpoint_000002\n")
    console = LineConsole(stream)
    console.start(500, first_iteration=3)
    begun = read_progress(stream.getvalue())
    assert (begun.iteration, begun.of, begun.restored) == (
        None,
        500,
        "s3://bucket/runs/a/checkpoint_000002",
    )
    for iteration in range(3, 40):
        console.iteration(make_row(iteration) | {"evaluation/score": iteration / 100})
    console.checkpoint("s3://bucket/runs/a/checkpoint_000039", make_row(39))
    found = read_progress(stream.getvalue())
    assert (found.iteration, found.done, found.of, found.unit) == (39, 39, 500, "iteration")
    assert (found.score, found.checkpoint_iteration) == (0.39, 39)
    assert found.checkpoint == "s3://bucket/runs/a/checkpoint_000039"
    assert found.agent_steps_per_s not in (None, "")


def test_the_progress_of_a_budget_and_of_a_quiet_run() -> None:
    stream = io.StringIO()
    console = LineConsole(stream)
    console.start(500, budget=Budget("env_steps", 10**6))
    console.iteration(make_row(7) | {"env_steps": 14336})
    found = read_progress(stream.getvalue())
    assert (found.iteration, found.done, found.of, found.unit) == (7, 14336, 10**6, "env steps")
    stream = io.StringIO()
    quiet = LineConsole(stream, quiet=True)
    quiet.start(50)
    quiet.iteration(make_row(7))
    quiet.checkpoint("/data/a b/checkpoint_000007", make_row(7))
    found = read_progress(stream.getvalue())
    assert (found.iteration, found.of, found.checkpoint) == (7, 50, "/data/a b/checkpoint_000007")


def test_the_last_error_of_a_job_and_the_checkpoint_that_it_names() -> None:
    last = "s3://bucket/runs/a/checkpoint_000002"
    told = f"error: first\nerror: all runners died; the last checkpoint is {last}; resume with: x\n"
    found = read_progress(told)
    assert (found.error, found.checkpoint, found.checkpoint_iteration) == (
        "all runners died",
        last,
        2,
    )
    saved = "saved /a/checkpoint_000004  iteration 4  reward 1.00\n"
    assert read_progress(saved + told).checkpoint == "/a/checkpoint_000004"
    newer = read_progress(saved + told.replace("000002", "000020"))
    assert (newer.checkpoint, newer.checkpoint_iteration) == (
        "s3://bucket/runs/a/checkpoint_000020",
        20,
    )
