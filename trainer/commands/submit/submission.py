"""Submits a training as a job."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.commands.submit.address import dashboard_address, is_this_machine
from trainer.commands.submit.package import Package
from trainer.commands.submit.training import Job, check_training
from trainer.commands.submit.variables import (
    Mask,
    is_secret,
    parse_variables,
    shown_variables,
)
from trainer.errors import UsageError
from trainer.project import NAME, PROJECT_ROOT, is_checkout
from trainer.reporting.formatting import plural, size
from trainer.shown_commands import ENTRY_POINTS, STOP_WAIT, script_command, shown_path

if TYPE_CHECKING:
    from trainer.commands.submit.jobs import Jobs


def submit(args: argparse.Namespace) -> int:
    """Checks, submits and follows; returns the exit code.

    Raises:
        UsageError, ConfigError: something typed is wrong; nothing was sent.
        ClusterError: the cluster refuses or does not answer.
    """
    address = dashboard_address(args.address)
    variables = parse_variables(args.env)
    package = _package(args)
    folder = Path.cwd() if package is None else package.folder
    job = Job(folder, package, variables, is_this_machine(address))
    warnings = [*check_training(args.training, job), *_about_secrets(variables)]
    for warning in [*warnings, *_about_kernels(package)]:
        print(f"warning: {warning}", file=sys.stderr)
    entrypoint = _entrypoint(args.training, shipped=package is not None)
    print(f"command:      {entrypoint}")
    if variables:
        print(f"environment:  {shown_variables(variables)}")
    if package is not None:
        count = plural(len(package.files), "file")
        print(f"code:         {count}, {size(package.size)}, of {shown_path(folder)}", flush=True)
    if args.dry_run:
        print(f"nothing was submitted to {address}")
        return 0
    from trainer.commands.submit.jobs import Jobs

    jobs = Jobs(address)
    if warning := _about_versions(jobs.ray_version):
        print(f"warning: {warning}", file=sys.stderr)
    submission_id = _send(jobs, args, entrypoint, job)
    print(f"submitted {submission_id} to {address}", flush=True)
    from trainer.commands.submit.forms import follow_job, print_next

    if args.no_follow:
        print_next(jobs, submission_id)
        return 0
    return follow_job(jobs, submission_id, Mask(variables))


def _package(args: argparse.Namespace) -> Package | None:
    """What travels; None: the installed package is to be on the cluster already."""
    if args.working_dir is None and not is_checkout():
        return None
    given = PROJECT_ROOT if args.working_dir is None else Path(args.working_dir).expanduser()
    package = Package.of(given.absolute(), args.exclude)
    if "main.py" not in package.files:
        raise UsageError(
            f"--working-dir {shown_path(given)}: there is no main.py in it, which the job would run"
        )
    return package


def _entrypoint(words: Sequence[str], *, shipped: bool) -> str:
    script = ["python", "main.py"] if shipped else [ENTRY_POINTS["main.py"]]
    return shlex.join([*script, *words])


def _about_secrets(variables: dict[str, str]) -> list[str]:
    secrets = [name for name, value in variables.items() if is_secret(name, value)]
    if not secrets:
        return []
    return [
        f"Ray shows {', '.join(secrets)} in plain text to everybody "
        "who may use its job API; better give secrets to the pods or nodes themselves"
    ]


def _about_kernels(package: Package | None) -> list[str]:
    if package is None or not package.lacks_kernels:
        return []
    once = script_command("main.py", ["--iterations", "1", "--checkpoint-dir", "./checkpoints_try"])
    return [
        "no kernels are compiled here: the job compiles them first, for minutes, and so will the "
        f"next one; with what this leaves they travel along: {once}"
    ]


def _about_versions(theirs: str) -> str:
    ours = version("ray")
    if theirs in ("", ours):
        return ""
    return f"the cluster runs Ray {theirs}, {NAME} needs {ours}: use an image with that version"


def _send(jobs: Jobs, args: argparse.Namespace, entrypoint: str, job: Job) -> str:
    environment: dict[str, Any] = {"env_vars": {STOP_WAIT: str(args.stop_wait), **job.variables}}
    with tempfile.TemporaryDirectory() as folder:
        if job.package is not None:
            archive = Path(folder) / "code.zip"
            print(f"uploading {size(job.package.write(archive))} ...", flush=True)
            environment["working_dir"] = str(archive)
        return jobs.submit(
            entrypoint,
            submission_id=args.submission_id,
            runtime_env=environment,
            name=args.name,
        )
