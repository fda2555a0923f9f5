"""What `list` and `status` show, and which job a word means."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.commands.submit.jobs import JobDetails, Jobs, JobStatus
from trainer.commands.submit.log_progress import LogProgress
from trainer.commands.submit.report import show_list, show_status
from trainer.errors import UsageError

LONG = "python main.py --resume auto --checkpoint-dir s3://bucket/runs/a " + "--set ppo.lr=1 " * 20


def job(number: int, name: str | None = None, **values: Any) -> JobDetails:
    given = {"type": "SUBMISSION", "status": JobStatus.SUCCEEDED, "entrypoint": LONG, **values}
    metadata = {} if name is None else {"job_name": name}
    return JobDetails(submission_id=f"raysubmit_{number}", metadata=metadata, **given)


def test_a_list_tells_jobs_apart_without_the_whole_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_list([job(1), job(2, entrypoint="python main.py --fresh")], as_json=False)
    _, *rows = [
        line for line in capsys.readouterr().out.splitlines() if "raysubmit" in line or line
    ]
    text = "\n".join(rows)
    assert "--fresh" in text
    assert "python main.py" not in text
    assert " ..." in text
    assert text.count("ppo.lr") < 3


def test_a_failed_job_says_why_in_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    failed = job(1, status=JobStatus.FAILED, driver_exit_code=2)
    show_status(failed, LogProgress(error="ppo.lr is no number"), as_json=False)
    reason = "ppo.lr is no number (main.py ended with exit code 2)"
    assert capsys.readouterr().out.endswith(f"reason     {reason}\n")


class _Client:
    def __init__(self, found: list[JobDetails]) -> None:
        self.found = found

    def get_job_info(self, submission_id: str) -> JobDetails:
        raise RuntimeError("Request failed with status code 404: no such job")

    def list_jobs(self) -> list[JobDetails]:
        return self.found


def test_a_job_may_be_meant_by_a_name_that_only_one_has() -> None:
    jobs = Jobs.__new__(Jobs)
    jobs.address = "http://head:8265"
    jobs._client = _Client([job(n, "often" if n > 2 else f"name{n}") for n in range(1, 20)])  # type: ignore[assignment]
    assert jobs.get("name2").submission_id == "raysubmit_2"
    for word, why in (
        ("often", "17 jobs are called often; the newest is raysubmit_.*: name one by its id"),
        ("nope", r"no job nope at http://head:8265; see .*trainer.submit list --address http://h"),
        ("raysubmit-3", "did you mean 'raysubmit_3'"),
    ):
        with pytest.raises(UsageError, match=why) as refused:
            jobs.get(word)
        assert "raysubmit_11, " not in str(refused.value)
