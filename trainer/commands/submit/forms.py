"""What is done with jobs once they are submitted: status, logs, stop, list; and following one."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from pathlib import PurePosixPath

from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.confirmation import confirmed
from trainer.commands.interrupt import Interrupt
from trainer.commands.submit.address import dashboard_address
from trainer.commands.submit.follow import follow
from trainer.commands.submit.jobs import ClusterError, JobDetails, Jobs, JobStatus
from trainer.commands.submit.log_progress import LogProgress, read_progress
from trainer.commands.submit.report import reason, show_list, show_status, variables_of
from trainer.commands.submit.variables import Mask
from trainer.commands.train.start import AUTO
from trainer.errors import EXIT_ERROR, EXIT_INTERRUPTED
from trainer.reporting.terminal import can_ask
from trainer.shown_commands import ENTRY_POINTS, STOP_WAIT, module_command, submission_command

EXIT_STOPPED = 143  # as of a training after SIGTERM, which is what Ray sends
_CODES = {JobStatus.SUCCEEDED: 0, JobStatus.FAILED: EXIT_ERROR, JobStatus.STOPPED: EXIT_STOPPED}
_RAYS_STOP_WAIT_S = 3  # without the variable
_STOP_MARGIN_S = 30
_TRAINING = ("main.py", ENTRY_POINTS["main.py"])


def run(args: argparse.Namespace) -> int:
    """Does what a form says and returns the exit code."""
    jobs = Jobs(dashboard_address(args.address))
    if args.form == "list":
        show_list(jobs.all(), as_json=args.json)
        return 0
    job = jobs.get(args.job)
    if args.form == "status":
        show_status(job, read_progress(_log(jobs, job)), as_json=args.json)
        return 0
    if args.form == "stop":
        return stop_job(jobs, job, as_json=args.json)
    mask = Mask(variables_of(job))
    if args.follow:
        return follow_job(jobs, str(job.submission_id), mask)
    _show(mask(jobs.log(str(job.submission_id))))
    return 0


def follow_job(jobs: Jobs, submission_id: str, mask: Mask) -> int:
    """Shows the log of a job to its end; returns the exit code that its status means.

    Ctrl-C stops following. On a terminal it asks whether to stop the job too.
    """
    with Interrupt() as interrupt:
        job = follow(jobs, submission_id, lambda text: _show(mask(text)), _warn, interrupt)
    if job is None:
        return _left(jobs, submission_id)
    told = reason(job)
    print(f"{submission_id} {job.status.value.lower()}" + f": {told}" * bool(told))
    return _CODES[job.status]


def stop_job(jobs: Jobs, job: JobDetails, *, as_json: bool = False) -> int:
    """Stops a job and waits until it has saved; returns the exit code."""
    submission_id = str(job.submission_id)
    if not job.status.is_terminal():
        given = variables_of(job).get(STOP_WAIT, "")
        wait = int(given) if given.isdecimal() else _RAYS_STOP_WAIT_S
        jobs.stop(submission_id)
        out = sys.stderr if as_json else sys.stdout
        print(f"stopping {submission_id}: it has {wait} s to save ...", file=out, flush=True)
        job = jobs.wait_until_over(submission_id, wait + _STOP_MARGIN_S)
        if not job.status.is_terminal():
            raise ClusterError(
                f"{submission_id} is {job.status.value} still; look at it with: "
                + module_command(
                    "trainer.submit", ["logs", submission_id, "--address", jobs.address]
                )
            )
    mask = Mask(variables_of(job))
    progress = read_progress(mask(_log(jobs, job)))
    if as_json:
        found = {"submission_id": submission_id, "status": job.status.value}
        print_json({**found, "checkpoint": progress.checkpoint})
        return 0
    print(f"{submission_id} is over: {job.status.value.lower()}{_kept(progress)}")
    commands = progress.next or _given_again(jobs, job)
    if commands:
        print("next:", *(f"  {shown_line(mask(command))}" for command in commands), sep="\n")
    return 0


def _kept(progress: LogProgress) -> str:
    """What is left of a job: its last checkpoint, and what was not saved."""
    if progress.checkpoint is None:
        return ""
    saved, reached = progress.checkpoint_iteration or 0, progress.iteration or 0
    lost = f"; the iterations after it, up to {reached}, were not saved" if reached > saved else ""
    return f"; its last checkpoint is {shown_line(progress.checkpoint)}{lost}"


def _given_again(jobs: Jobs, job: JobDetails) -> list[str]:
    """The command that goes on with a job that has not told one; empty: another one would."""
    with contextlib.suppress(ValueError):  # an entrypoint may be any line of a shell
        words = shlex.split(str(job.entrypoint))
        names = [PurePosixPath(word).name for word in words]
        begins = next((n for n, name in enumerate(names, 1) if name in _TRAINING), len(words))
        if ["--resume", AUTO] in (words[n : n + 2] for n in range(begins, len(words))):
            return [submission_command(words[begins:], jobs.address, variables_of(job))]
    return []


def print_next(jobs: Jobs, submission_id: str) -> None:
    """Prints the commands that fit while a job runs."""
    print("next:")
    for form, *options in (["logs", "--follow"], ["status"], ["stop"]):
        words = [form, submission_id, *options, "--address", jobs.address]
        print(f"  {module_command('trainer.submit', words)}")


def _left(jobs: Jobs, submission_id: str) -> int:
    print(f"\n{submission_id} goes on without being followed", flush=True)
    if can_ask() and confirmed("Stop the job too?"):
        stop_job(jobs, jobs.get(submission_id))
    else:
        print_next(jobs, submission_id)
    return EXIT_INTERRUPTED


def _log(jobs: Jobs, job: JobDetails) -> str:
    """The log of a job; empty if its node is gone: what else is known can be shown."""
    try:
        return jobs.log(str(job.submission_id))
    except ClusterError as error:
        print(f"warning: the log cannot be read: {error}", file=sys.stderr)
        return ""


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


def _show(text: str) -> None:
    sys.stdout.write("\n".join(shown_line(line.expandtabs()) for line in text.split("\n")))
    sys.stdout.flush()
