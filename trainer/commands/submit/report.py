"""What `status` and `list` show of jobs, as a table or as JSON."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from trainer.checkpoints.safe_io.redaction import redacted
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.submit.jobs import NAME_KEY, JobDetails
from trainer.commands.submit.log_progress import LogProgress
from trainer.commands.submit.variables import Mask, shown_variables
from trainer.commands.tables import print_table
from trainer.reporting.formatting import UNKNOWN, age, duration
from trainer.shown_commands import ENTRY_POINTS

_REASON, _OPTIONS = 200, 60  # characters


def variables_of(job: JobDetails) -> dict[str, str]:
    """The environment that a job was given, its secrets too."""
    found = (job.runtime_env or {}).get("env_vars") or {}
    return {str(name): str(value) for name, value in found.items()}


def show_list(jobs: Sequence[JobDetails], *, as_json: bool) -> None:
    """Prints every job, the newest first."""
    if as_json:
        print_json([_document(job) for job in jobs])
        return
    if not jobs:
        print("no job has been submitted yet")
        return
    rows = [
        (
            job.submission_id,
            _name(job) or UNKNOWN,
            job.status.value,
            _ago(job.start_time),
            _took(job),
            _options(job),
        )
        for job in jobs
    ]
    heads = ("Job", "Name", "Status", "Submitted", "Took", "Options")
    print_table(heads, rows, numbers=heads[3:5], wraps=True)


def show_status(job: JobDetails, progress: LogProgress, *, as_json: bool) -> None:
    """Prints one job and how far its training is."""
    if as_json:
        print_json({**_document(job), "progress": asdict(progress)})
        return
    lines = {
        "job": job.submission_id,
        "name": _name(job),
        "status": job.status.value,
        "submitted": f"{_ago(job.start_time)} ago",
        "took" if job.status.is_terminal() else "running for": _took(job),
        "command": _command(job),
        "environment": shown_variables(variables_of(job)),
        "resumed from": progress.restored,
        "progress": _progress(progress),
        "score": progress.score,
        "agent-steps/s": progress.agent_steps_per_s,
        "checkpoint": progress.checkpoint,
        "reason": _told(reason(job), progress),
    }
    lines = {key: value for key, value in lines.items() if value not in (None, "", UNKNOWN)}
    width = max(map(len, lines))
    for key, value in lines.items():
        print(f"  {key:<{width}}  {shown_line(str(value))}")


def reason(job: JobDetails) -> str:
    """Why a job has failed, in one line; empty: it has not."""
    if job.status.value != "FAILED":
        return ""
    if job.driver_exit_code is not None:
        return f"main.py ended with exit code {job.driver_exit_code}"
    lines = [line for line in (job.message or "").splitlines() if line.strip()]
    # The last line of a traceback says most.
    text = lines[-1] if lines else str(job.error_type or "")
    return shown_line(Mask(variables_of(job))(text))[:_REASON]


def _told(why: str, progress: LogProgress) -> str:
    """Why a job has failed, with its own words if it has said any."""
    return f"{progress.error} ({why})" if why and progress.error else why


def _progress(progress: LogProgress) -> str | None:
    if progress.of is None:
        return None
    if progress.unit == "iteration":
        return f"iteration {progress.iteration or 0} of {progress.of}"
    return f"{progress.done} of {progress.of} {progress.unit} (iteration {progress.iteration})"


def _document(job: JobDetails) -> dict[str, Any]:
    return {
        "submission_id": job.submission_id,
        "name": _name(job),
        "status": job.status.value,
        "submitted": _seconds(job.start_time),
        "ended": _seconds(job.end_time),
        "command": _command(job),
        "environment": shown_variables(variables_of(job)),
        "exit_code": job.driver_exit_code,
        "reason": reason(job) or None,
    }


def _name(job: JobDetails) -> str | None:
    return (job.metadata or {}).get(NAME_KEY)


def _command(job: JobDetails) -> str:
    return Mask(variables_of(job))(redacted(str(job.entrypoint)))


def _options(job: JobDetails) -> str:
    """What tells a job from others in a list, cut to fit; `status` has all of it."""
    text = _command(job).removeprefix("python main.py ").removeprefix(ENTRY_POINTS["main.py"])
    return text if len(text) <= _OPTIONS else f"{text[:_OPTIONS]} ..."


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _ago(milliseconds: int | None) -> str:
    return UNKNOWN if milliseconds is None else age(time.time() - milliseconds / 1000)


def _took(job: JobDetails) -> str:
    if job.start_time is None:
        return UNKNOWN
    end = time.time() if job.end_time is None else job.end_time / 1000
    return duration(end - job.start_time / 1000)
