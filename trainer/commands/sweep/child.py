"""One run of a sweep as a process of its own: `main.py`, as a user would start it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime

from trainer.checkpoints.safe_io.redaction import redacted
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.commands.sweep.manifest import CONFIG, TENSORBOARD, Run, Sweep
from trainer.commands.sweep.plan import THREADS, overrides
from trainer.shown_commands import RESTORE_VARIABLE, script_here

_PARENT_DEATH = 1  # PR_SET_PDEATHSIG of prctl(2)
_TAIL = 2**16  # bytes of a log that are searched for its last error


def command(sweep: Sweep, run: Run) -> list[str]:
    """The command of a run: a new one, or one that continues from its newest checkpoint."""
    own = {
        "tracking.run_name": json.dumps(run.name),
        "tracking.tensorboard_dir": json.dumps(str(sweep.folder / TENSORBOARD)),
    }
    if THREADS not in run.values:
        own[THREADS] = str(run.threads)
    words = ["--config", str(sweep.folder / CONFIG)]
    words += ["--checkpoint-dir", str(sweep.checkpoints(run))]
    words += ["--resume", "latest"] if sweep.reached(run) else []
    for item in overrides({**run.values, **own}):
        words += ["--set", item]
    return [*script_here("main.py"), *words]


class Child:
    """A run's process, from its start on.

    It has a session of its own, so that Ctrl-C in the terminal reaches the sweep alone, which then
    stops its runs one by one. Where the system can (Linux), it is asked to save and stop if the
    sweep is killed.
    """

    def __init__(self, sweep: Sweep, run: Run) -> None:
        """Starts it; what it prints is added to the run's log."""
        self.run, self.log = run, sweep.log(run)
        if not sweep.reached(run):  # curves of a start that saved nothing would stay beside its own
            shutil.rmtree(sweep.folder / TENSORBOARD / run.name, ignore_errors=True)
        sweep.checkpoints(run).mkdir(parents=True, exist_ok=True)
        words = command(sweep, run)
        environment = dict(os.environ)
        environment.pop(RESTORE_VARIABLE, None)  # would say for every run where it starts
        with self.log.open("ab") as log:
            when = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
            log.write(f"# {when}  {redacted(shlex.join(words))}\n".encode())
            log.flush()
            self._begins = log.tell()
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=_asked_to_stop_with(os.getpid()),
            )

    @property
    def pid(self) -> int:
        """Its process, which leads a group of its own."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Asks it to save and stop, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it and whatever it has started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def last_error(self) -> str:
        """Why it failed, in one line: the last error it told, else what it said last."""
        code = self.poll()
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._begins, size - _TAIL))
            lines = log.read().decode("utf-8", "replace").splitlines()
        told = [line.strip() for line in lines if line.strip() and not _HINT.match(line)]
        errors = [line for line in told if line.startswith("error: ")]
        last = (errors or told or [f"exit code {code}"])[-1]
        return shown_line(last.removeprefix("error: "))


_HINT = re.compile(r"\(--debug ")


def _asked_to_stop_with(parent: int) -> Callable[[], None] | None:
    """What a new process does first: it asks for SIGINT when the sweep's process dies."""
    if not sys.platform.startswith("linux"):
        return None
    system = ctypes.CDLL(None)  # before the fork, after which little is safe

    def ask() -> None:
        system.prctl(_PARENT_DEATH, signal.SIGINT)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), signal.SIGINT)

    return ask
