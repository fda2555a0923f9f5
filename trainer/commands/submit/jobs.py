"""The jobs of a Ray cluster, through the job API of its dashboard: every request is bounded.

Importing this module imports Ray's client, which takes a second.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any, TypeVar

from trainer.checkpoints.process_owner import SUBMITTED_TO
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean
from trainer.checkpoints.safe_io.redaction import redacted
from trainer.checkpoints.safe_io.safe_json import first_line, shown
from trainer.commands.submit.address import API_VARIABLE, what_answers
from trainer.errors import EXIT_ERROR, UsageError
from trainer.shown_commands import module_command

T = TypeVar("T")

_CONNECT_S, _ANSWER_S = 10.0, 60.0
_UPLOAD_S = 600.0
NAME_KEY = "job_name"
"""Of Ray's metadata of a job: what the dashboard shows for a name."""
_READY_S = 60.0
_MISSING = (
    "jobs need Ray's dashboard client, which is not installed: "
    "pip install -r requirements-cluster.txt"
)

if importlib.util.find_spec("aiohttp") is None or importlib.util.find_spec("requests") is None:
    raise UsageError(_MISSING)

import trainer.cluster.environment  # noqa: E402, F401 - first: Ray reads it at import

logging.getLogger("ray").setLevel(logging.ERROR)  # it tells of every upload

import requests  # noqa: E402
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient  # noqa: E402

for _name in ("dashboard_sdk", "job.sdk"):  # each sets its own level when it is imported
    logging.getLogger(f"ray.dashboard.modules.{_name}").setLevel(logging.ERROR)

__all__ = ["NAME_KEY", "ClusterError", "JobDetails", "JobStatus", "Jobs"]


class ClusterError(RuntimeError):
    """The cluster does not do what was asked; the message says what to look at."""

    exit_code = EXIT_ERROR


class _Client(JobSubmissionClient):
    """Ray's client with a bound on every request; Ray's own waits for ever."""

    def __init__(self, address: str, answer_s: float) -> None:
        self._answer_s = answer_s  # first: this asks for the version of the cluster
        super().__init__(address)

    def _do_request(self, method: str, endpoint: str, **kwargs: Any) -> Any:
        answer = _UPLOAD_S if method == "PUT" else self._answer_s
        request = partial(super()._do_request, method, endpoint, **kwargs)
        # The bound of `requests` begins anew with every byte, so a thread has another for it all.
        return _within(_CONNECT_S + answer, partial(request, timeout=(_CONNECT_S, answer)))


def _within(seconds: float, ask: Callable[[], T]) -> T:
    """What `ask` returns; TimeoutError after so many seconds, and the asking is left to itself."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(ask())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="dashboard", daemon=True).start()
    return done.result(seconds)


class Jobs:
    """The jobs behind one dashboard.

    Attributes:
        address: URL of the dashboard.
        ray_version: of the cluster; empty: it does not tell.
    """

    def __init__(self, address: str, answer_s: float = _ANSWER_S) -> None:
        """Connects.

        Args:
            address: URL of the dashboard.
            answer_s: seconds that an answer may take; the upload of a job may take ten minutes.

        Raises:
            ClusterError: no dashboard answers there.
        """
        self.address = address
        with _typed_address_counts(address), self._told():
            try:
                self._client = _Client(address, answer_s)
            except (KeyError, TypeError, ValueError, RuntimeError):
                raise ClusterError(
                    f"what answers at {address} is no dashboard of Ray; its port is 8265 unless "
                    "the head was started with another"
                ) from None
        self.ray_version = str(self._client._server_ray_version or "")

    def submit(
        self,
        entrypoint: str,
        *,
        submission_id: str | None,
        runtime_env: Mapping[str, Any],
        name: str | None,
    ) -> str:
        """Uploads and starts a job; returns its submission id.

        Raises:
            UsageError: there is a job of that id.
            ClusterError: the cluster refuses or does not answer.
        """
        end = time.monotonic() + _READY_S
        named = {} if name is None else {NAME_KEY: name}
        with self._told():
            while True:
                try:
                    return str(
                        self._client.submit_job(
                            entrypoint=entrypoint,
                            submission_id=submission_id,
                            runtime_env=dict(runtime_env),
                            metadata={SUBMITTED_TO: redacted(self.address), **named},
                        )
                    )
                except RuntimeError as error:
                    if submission_id is not None and "already exists" in str(error):
                        raise UsageError(
                            f"--submission-id {shown(submission_id)}: there is such a job already; "
                            "a retry is a job of its own, with another id or none"
                        ) from None
                    # A head that has just started.
                    if "No available agent" not in str(error) or time.monotonic() >= end:
                        raise
                    time.sleep(1.0)

    def get(self, submission_id: str) -> JobDetails:
        """A job as it is now; `submission_id` may also be a name that only one has.

        Raises:
            UsageError: there is none; the message names the nearest.
            ClusterError: the cluster does not answer.
        """
        if not submission_id.strip():
            raise UsageError("JOB is empty; list shows the jobs that there are")
        with self._told():
            try:
                return self._client.get_job_info(submission_id)
            except RuntimeError as error:
                if "404" not in str(error):
                    raise
        known = self.all()
        ids = [str(job.submission_id) for job in known]
        called = [job for job in known if (job.metadata or {}).get(NAME_KEY) == submission_id]
        if len(called) == 1:
            return called[0]
        if called:
            raise UsageError(
                f"{len(called)} jobs are called {shown(submission_id)}; the newest is "
                f"{called[0].submission_id}: name one by its id"
            )
        way = module_command("trainer.submit", ["list", "--address", self.address])
        near = did_you_mean(
            submission_id, ids, otherwise=f"; see {way}" if ids else "; there is none"
        )
        raise UsageError(f"no job {shown(submission_id)} at {self.address}{near}")

    def all(self) -> list[JobDetails]:
        """Every job that was submitted, the newest first; no other programs on the cluster."""
        with self._told():
            found = [job for job in self._client.list_jobs() if job.submission_id]
        return sorted(found, key=lambda job: job.start_time or 0, reverse=True)

    def stop(self, submission_id: str) -> None:
        """Asks a job to stop: Ray sends SIGTERM, and SIGKILL after a while."""
        with self._told():
            self._client.stop_job(submission_id)

    def log(self, submission_id: str) -> str:
        """What a job has printed so far."""
        with self._told():
            return str(self._client.get_job_logs(submission_id))

    def tail(self, submission_id: str) -> AsyncIterator[str]:
        """What a job prints, from its beginning and as it comes; ends with the job."""
        found: AsyncIterator[str] = self._client.tail_job_logs(submission_id)
        return found

    def wait_until_over(self, submission_id: str, seconds: float) -> JobDetails:
        """The job once it is over, or after so many seconds as it is then."""
        end = time.monotonic() + seconds
        while True:
            job = self.get(submission_id)
            if job.status.is_terminal() or time.monotonic() >= end:
                return job
            time.sleep(0.5)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what fails on the way into one message."""
        try:
            yield
        except (requests.exceptions.Timeout, TimeoutError):
            raise ClusterError(
                f"{self.address} does not answer in time; is the head busy or gone?"
            ) from None
        except (requests.exceptions.RequestException, ConnectionError, OSError) as error:
            if _was_answered(error):
                raise ClusterError(what_answers(self.address)) from None
            raise ClusterError(
                f"no dashboard of Ray at {self.address}: is the head running with its dashboard "
                "(ray start --head --dashboard-host 0.0.0.0), and its port 8265 reachable from "
                "here (on Kubernetes: kubectl port-forward service/NAME-head-svc 8265)?"
            ) from None
        except RuntimeError as error:
            if isinstance(error, ClusterError):
                raise
            raise ClusterError(f"{self.address}: {first_line(error)[:500]}") from None


def _was_answered(error: BaseException | None) -> bool:
    """Whether something came back that is not HTTP; a server that dies only closes."""
    while error is not None and not isinstance(error, BadStatusLine):
        error = error.__cause__ or error.__context__
    return error is not None and not isinstance(error, RemoteDisconnected)


@contextlib.contextmanager
def _typed_address_counts(address: str) -> Iterator[None]:
    """Lets Ray's client use this address: its own rule is that the environment precedes it."""
    before = os.environ.get(API_VARIABLE)
    os.environ[API_VARIABLE] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[API_VARIABLE]
        else:
            os.environ[API_VARIABLE] = before
