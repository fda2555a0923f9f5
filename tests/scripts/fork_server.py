"""A process that imports torch and RLlib once and forks for every script that a test runs.

`tests/conftest.py` starts one for the whole session and all its workers. It is a bare interpreter
until the first request and ends, with all that it has forked, when its standard input is closed.

A client (`tests.scripts.forked`) sends three descriptors and a line of JSON, and gets the number of
the process and, at its end, the exit code, negative for a signal. A process whose client is gone is
killed with all of its group.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import termios
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def encode(number: int) -> bytes:
    """A number as it is sent to a client."""
    return number.to_bytes(4, "big", signed=True)


class Server:
    """Forks, and waits for what it has forked."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._ended, self._wakes = socket.socketpair()  # to wake up when a child ends
        self._wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno())
        self._calls: dict[int, socket.socket] = {}  # of every process that runs

    def serve(self) -> None:
        """Answers until the standard input is closed."""
        while True:
            waits: list[Any] = [0, self._ended, self._listener, *self._calls.values()]
            ready = select.select(waits, [], [])[0]
            if 0 in ready:
                break
            for pid in [pid for pid, call in self._calls.items() if call in ready]:
                self._kill(pid)
            if self._ended in ready:
                self._ended.recv(4096)
                self._report()
            if self._listener in ready:
                self._accept(self._listener.accept()[0])
        for pid in list(self._calls):
            self._kill(pid)

    def _kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has no group yet
            os.killpg(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._calls.pop(pid).close()

    def _report(self) -> None:
        for pid in list(self._calls):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with self._calls.pop(pid) as call, contextlib.suppress(BrokenPipeError):
                    call.sendall(encode(os.waitstatus_to_exitcode(status)))

    def _accept(self, call: socket.socket) -> None:
        import tests.scripts.preload  # noqa: F401

        gc.freeze()  # what a collection does not look at stays shared with the children
        streams = socket.recv_fds(call, 1, 3)[1]
        line = call.makefile().readline()
        pid = os.fork() if line.endswith("\n") else None
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for each in (self._listener, self._ended, self._wakes, *self._calls.values()):
                each.close()
            _become(json.loads(line), streams, call)
        for number in streams:
            os.close(number)
        if pid is not None:
            self._calls[pid] = call


def _become(request: dict[str, Any], streams: list[int], call: socket.socket) -> None:
    """Makes this process the one that was asked for; does not return."""
    code = 1
    try:
        _prepare(request, streams)
        with call:
            call.sendall(encode(os.getpid()))
        code = _run(request["words"])
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _prepare(request: dict[str, Any], streams: list[int]) -> None:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for signal_number in request["ignored"]:
        signal.signal(signal_number, signal.SIG_IGN)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "rw"[n > 0]) for n in range(3))
    if request["closed"]:
        sys.stdout.close()
        sys.stdout = None  # as the interpreter does it
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None


def _run(words: list[str]) -> int:
    """`python WORDS`: `-m MODULE ...`, one of the project's scripts, or any other file."""
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            own = ROOT / words[0]
            sys.argv = [str(own) if own.is_file() else words[0], *words[1:]]
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    Server(socket.socket(fileno=int(sys.argv[1]))).serve()
