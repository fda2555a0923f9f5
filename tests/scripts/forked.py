"""Scripts in processes of their own that need not import everything anew.

`tests.scripts.fork_server` forks for each of them: the process has its own arguments, environment,
working directory and output, takes signals and is killed like one started from a shell.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "FORK_SERVER_OF_THE_TESTS"
"""The environment variable that names the server's socket."""


@contextlib.contextmanager
def server() -> Iterator[None]:
    """Lets scripts be forked, by this process and by those that it starts."""
    words = [sys.executable, "-m", "tests.scripts.fork_server"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ[ADDRESS] = f"{folder}/s"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.environ[ADDRESS])
            listener.listen(64)
            process = subprocess.Popen(
                [*words, str(listener.fileno())],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        try:
            yield
        finally:
            process.communicate()


class Process:
    """A script that runs, under the interface of `subprocess.Popen`.

    Attributes:
        pid: of the process, which leads a session and a group of its own.
        returncode: None as long as it is not known to have ended.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
        ignored: Sequence[signal.Signals] = (),
        closed: bool = False,
    ) -> None:
        """Starts `python WORDS`, for example `main.py --fresh`.

        Args:
            words: of the command.
            cwd: its working directory.
            environment: all its variables.
            streams: descriptors of its standard input, output and error; an input that is a
                terminal becomes its controlling terminal.
            ignored: signals that it ignores from the start, as under `nohup`.
            closed: whether its standard output is closed.
        """
        self.returncode: int | None = None
        self._call = socket.socket(socket.AF_UNIX)
        self._call.connect(os.environ[ADDRESS])
        socket.send_fds(self._call, [b" "], streams)
        request = {
            "words": list(words),
            "cwd": str(cwd),
            "environment": dict(environment),
            "ignored": list(ignored),
            "closed": closed,
        }
        self._call.sendall(json.dumps(request).encode() + b"\n")
        self.pid: int = self._answer()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._call], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a script", timeout or 0)
            self.returncode = self._answer()
            self._call.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _answer(self) -> int:
        answer = self._call.recv(4)
        assert answer, "the server of the forks is gone"
        return int.from_bytes(answer, "big", signed=True)


class Started(Process):
    """A script whose output is read while it runs.

    Attributes:
        stdout: what it prints, as it comes.
        stderr: its messages.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        ignored: Sequence[signal.Signals] = (),
    ) -> None:
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        self.stdout: IO[str] = os.fdopen(out, encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(err, encoding="utf-8")
        with Path(os.devnull).open() as nothing, os.fdopen(to_out, "w"), os.fdopen(to_err, "w"):
            streams = (nothing.fileno(), to_out, to_err)
            super().__init__(words, cwd, environment, streams, ignored)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """The rest of both outputs, once the process has ended."""
        with self.stdout, self.stderr, ThreadPoolExecutor(2) as readers:
            output, errors = (readers.submit(each.read) for each in (self.stdout, self.stderr))
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return output.result(), errors.result()


def run(
    words: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,
    stdin: int | None = None,
    stdout: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `python WORDS` to its end.

    `stdin` is a descriptor; without it there is no standard input. `stdout` is where its output
    goes instead: a path, or "closed" for a closed descriptor.
    """
    closed = stdout == "closed"
    with (
        Path(os.devnull).open() as nothing,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        Path(stdout).open("w") if stdout and not closed else out as given,
    ):
        streams = (nothing.fileno() if stdin is None else stdin, given.fileno(), err.fileno())
        process = Process(words, cwd, environment, streams, closed=closed)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(words), code, out.read(), err.read())
