"""Shows what a job prints, until it ends or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from trainer.commands.interrupt import Interrupt
from trainer.commands.submit.jobs import ClusterError, JobDetails, Jobs
from trainer.errors import UsageError

_TICK_S = 0.2  # between two looks at Ctrl-C
_QUIET_S = 10.0  # of silence, after which the job's status is asked for
_PATIENCE_S = 120.0  # without any answer of the dashboard, until it counts as lost
_LAST_WORDS_S = 5.0  # for the rest of the log once the job is over
_WAY_ON = (
    "a job ends with its head; submitted again with --resume auto, it goes on from the last "
    "checkpoint in its --checkpoint-dir"
)


def follow(
    jobs: Jobs,
    submission_id: str,
    show: Callable[[str], object],
    warn: Callable[[str], object],
    interrupt: Interrupt,
) -> JobDetails | None:
    """Shows a job's log from its beginning; returns the job once it is over, None after Ctrl-C.

    A connection that breaks is made again, and nothing is shown twice.

    Args:
        jobs: of the cluster.
        submission_id: which of them.
        show: gets the log, piece by piece.
        warn: gets a line when the dashboard no longer answers.
        interrupt: of Ctrl-C.

    Raises:
        ClusterError: the dashboard has not answered for two minutes, or does not know the job.
    """
    return asyncio.run(_Follower(jobs, submission_id, show, warn).run(interrupt))


class _Follower:
    def __init__(
        self,
        jobs: Jobs,
        submission_id: str,
        show: Callable[[str], object],
        warn: Callable[[str], object],
    ) -> None:
        self._jobs, self._id, self._show, self._warn = jobs, submission_id, show, warn
        self._shown = 0  # characters of the log
        self._warned = False  # of the present silence
        self._answered = time.monotonic()

    async def run(self, interrupt: Interrupt) -> JobDetails | None:
        while not interrupt.requested:
            await self._one_connection(interrupt)
            if interrupt.requested:
                break
            job = await self._status()
            if job is not None and job.status.is_terminal():
                return job
            await asyncio.sleep(1.0)
        return None

    async def _one_connection(self, interrupt: Interrupt) -> None:
        """Shows what comes until the connection ends, for whatever reason."""
        stream = self._jobs.tail(self._id).__aiter__()
        passed, heard, over_since = 0, time.monotonic(), None
        waiting: asyncio.Future[str] = asyncio.ensure_future(stream.__anext__())
        try:
            while not interrupt.requested:
                done, _ = await asyncio.wait({waiting}, timeout=_TICK_S)
                now = time.monotonic()
                if done:
                    try:
                        text = waiting.result()
                    except Exception:  # its end, or any way in which a connection breaks
                        return
                    heard = self._answered = now
                    # A new connection begins with the first line again.
                    new = text[max(0, self._shown - passed) :]
                    passed += len(text)
                    if new:
                        self._show(new)
                        self._shown += len(new)
                    waiting = asyncio.ensure_future(stream.__anext__())
                elif over_since is not None and now - over_since > _LAST_WORDS_S:
                    return
                elif now - heard > _QUIET_S:
                    heard = now
                    job = await self._status()
                    if over_since is None and job is not None and job.status.is_terminal():
                        over_since = now
        finally:
            waiting.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await waiting
            with contextlib.suppress(Exception):
                await stream.aclose()  # type: ignore[attr-defined]

    async def _status(self) -> JobDetails | None:
        """The job now; None if the dashboard does not answer, which is borne for a while."""
        try:
            job = await asyncio.to_thread(self._jobs.get, self._id)
        except UsageError:
            raise ClusterError(
                f"the cluster at {self._jobs.address} does not know {self._id} any more: it was "
                f"started anew; {_WAY_ON}"
            ) from None
        except ClusterError:
            minutes = round(_PATIENCE_S / 60)
            if time.monotonic() - self._answered > _PATIENCE_S:
                raise ClusterError(
                    f"{self._jobs.address} has not answered for {minutes} minutes: the head of "
                    f"{self._id} is gone or cannot be reached, or its dashboard alone has died and "
                    f"the job goes on; {_WAY_ON}"
                ) from None
            if not self._warned:
                self._warned = True
                self._warn(f"{self._jobs.address} does not answer; trying for {minutes} min ...")
            return None
        self._answered, self._warned = time.monotonic(), False
        return job
