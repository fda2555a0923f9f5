"""Following a job, and what Ctrl-C and `stop` do with it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trainer.commands.submit import follow as following
from trainer.commands.submit import forms
from trainer.commands.submit.jobs import ClusterError, Jobs, JobStatus
from trainer.commands.submit.variables import Mask
from trainer.errors import UsageError

LOG = ["begun\n", "saved /a/checkpoint_000002  iteration 2  reward 1.00\n", "done\n"]


class FakeJobs:
    """A job of three lines; each connection ends after so many of them."""

    address = "http://head:8265"

    def __init__(self, lines: Sequence[int] = (3,), ends: JobStatus = JobStatus.SUCCEEDED) -> None:
        self.lines, self.ends = list(lines), ends
        self.stopped: list[str] = []
        self.on_line: Any = lambda: None

    def get(self, submission_id: str) -> Any:
        over = not self.lines or self.stopped
        status = self.ends if over else JobStatus.RUNNING
        return SimpleNamespace(
            submission_id=submission_id,
            status=status,
            runtime_env={"env_vars": {"RAY_WORKERS": "5", "RAY_JOB_STOP_WAIT_TIME_S": "120"}},
            entrypoint="python main.py --resume auto",
            driver_exit_code=3 if status == JobStatus.FAILED else None,
            message=None,
            error_type=None,
        )

    async def tail(self, submission_id: str) -> AsyncIterator[str]:
        count = self.lines.pop(0)
        for line in LOG[:count]:
            self.on_line()
            yield line
        if self.lines:
            raise RuntimeError("the connection broke")

    def stop(self, submission_id: str) -> None:
        self.stopped.append(submission_id)

    def wait_until_over(self, submission_id: str, seconds: float) -> Any:
        return self.get(submission_id)

    def log(self, submission_id: str) -> str:
        return "".join(LOG)


def follow(jobs: FakeJobs) -> int:
    return forms.follow_job(cast(Jobs, jobs), "job", Mask({"A_TOKEN": "begun"}))


@pytest.mark.parametrize(
    ("status", "code", "end"),
    [
        (JobStatus.SUCCEEDED, 0, "job succeeded\n"),
        (JobStatus.FAILED, 1, "job failed: main.py ended with exit code 3\n"),
        (JobStatus.STOPPED, 143, "job stopped\n"),
    ],
)
def test_the_exit_code_is_that_of_the_job(
    status: JobStatus, code: int, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert follow(FakeJobs(ends=status)) == code
    assert capsys.readouterr().out == "".join(["***\n", *LOG[1:], end])


def test_a_connection_that_breaks_is_made_again_and_nothing_is_shown_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert follow(FakeJobs(lines=[1, 2, 3])) == 0
    assert capsys.readouterr().out == "".join(["***\n", *LOG[1:], "job succeeded\n"])


def test_a_dashboard_that_is_gone_is_told_of_and_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = 0

    def gone(submission_id: str) -> Any:
        nonlocal asked
        asked += 1
        if asked == 2:
            monkeypatch.setattr(following, "_PATIENCE_S", -1.0)
        raise ClusterError("nobody is there")

    jobs = FakeJobs(lines=[1, 1, 1])
    monkeypatch.setattr(jobs, "get", gone)
    said = r"head of job is gone .* submitted again with --resume auto, it goes on from the last "
    with pytest.raises(ClusterError, match=said):
        follow(jobs)
    warned = "warning: http://head:8265 does not answer; trying for 2 min ...\n"
    assert capsys.readouterr().err == warned


def test_a_cluster_that_was_started_anew_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(submission_id: str) -> Any:
        raise UsageError("no such job")

    jobs = FakeJobs(lines=[1, 1])
    monkeypatch.setattr(jobs, "get", unknown)
    with pytest.raises(ClusterError, match="does not know job any more: it was started anew; a jo"):
        follow(jobs)


@pytest.mark.parametrize("answer", [True, False, None])
def test_ctrl_c_stops_following_and_the_job_only_if_told_so(
    answer: bool | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = FakeJobs(lines=[3, 3], ends=JobStatus.STOPPED)
    jobs.on_line = lambda: signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr(forms, "can_ask", lambda: answer is not None)
    monkeypatch.setattr(forms, "confirmed", lambda question: answer)
    assert follow(jobs) == 130
    out = capsys.readouterr().out
    assert "job goes on without being followed" in out
    assert jobs.stopped == (["job"] if answer else [])
    if answer:
        assert "job is over: stopped; its last checkpoint is /a/checkpoint_000002\n" in out
        again = "trainer.submit --address http://head:8265 --env RAY_WORKERS=5 -- --resume auto"
        assert out.endswith(f"next:\n  python -m {again}\n")
    else:
        assert "trainer.submit stop job --address http://head:8265" in out


def stopped(log: str, capsys: pytest.CaptureFixture[str]) -> str:
    jobs = FakeJobs(lines=[], ends=JobStatus.STOPPED)
    jobs.log = lambda submission_id: log  # type: ignore[method-assign]
    assert forms.stop_job(cast(Jobs, jobs), jobs.get("job")) == 0
    return capsys.readouterr().out


def test_a_stopped_job_tells_what_it_has_lost_and_how_to_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = "  721/900 |  1 2 |\n"
    told = stopped("".join(LOG) + row, capsys)
    assert "is /a/checkpoint_000002; the iterations after it, up to 721, were not saved\n" in told
    own = "python -m trainer.submit --address http://mine:1 -- --resume auto --until 9"
    told = stopped(f"{row}next:\n  {own}\n  python list_checkpoints.py s3://b/a\n\n  x", capsys)
    assert told == (
        f"job is over: stopped\nnext:\n  {own}\n  python list_checkpoints.py s3://b/a\n"
    )
