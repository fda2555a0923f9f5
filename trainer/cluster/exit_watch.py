"""Reports a sudden end of this process, from a second one beside it.

When one of Ray's daemons or their agents dies, Ray's C++ code may end this process at once: no
Python code runs after it. The kernel does the same when the memory is full. So a small process
beside this one waits for its end and prints the message prepared for it.

This file is also what that process runs; it must import little.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

WHY = "; was it killed, or is the memory full?"
"""Behind the news that a process has died."""


class ExitWatch:
    """While entered, a sudden end of this process is reported by another one, on stderr.

    Leaving the context, by an exception too, is no sudden end.

    Attributes:
        process: the one that watches; None while there is none.
    """

    def __init__(self, resume_command: str, *, active: bool = True) -> None:
        """`resume_command` says how to continue; without `active` no process is started."""
        self._said: dict[str, object] = {"resume_command": resume_command, "processes": {}}
        self._active = active
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ExitWatch:
        if not self._active:
            return self
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C on the terminal is not for it
        )
        self._send(json.dumps(self._said))
        return self

    def __exit__(self, *error: object) -> None:
        self.silence()
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait()

    def set_resume_command(self, resume_command: str) -> None:
        """Changes the text that says how to continue."""
        self._update(resume_command=resume_command)

    def name_processes(self, names: Mapping[int, str]) -> None:
        """Names the processes (by id) whose death may end this one; to be called once.

        Of several that die, the report names the first.
        """
        self._update(processes=dict(names))

    def silence(self) -> None:
        """Cancels the report; safe in a signal handler."""
        self._send("null")

    def _update(self, **said: object) -> None:
        self._said |= said
        self._send(json.dumps(self._said))

    def _send(self, line: str) -> None:
        if self.process is None or self.process.stdin is None:
            return
        with contextlib.suppress(OSError):  # somebody has killed it: the run continues without
            os.write(self.process.stdin.fileno(), f"{line}\n".encode())


class _Watched:
    """The watched processes, by a file descriptor of each; none where the system has no pidfd."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self.dead = ""

    def watch(self, processes: Mapping[str, str]) -> None:
        open_process: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
        if open_process is None or self._names:
            return
        for process, name in processes.items():
            with contextlib.suppress(OSError):
                self._names[open_process(int(process))] = f"{name} (process {process})"

    def wait(self, source: int) -> None:
        """Waits until `source` can be read, and notes which process dies first."""
        while self._names:
            ready = select.select([source, *self._names], [], [])[0]
            for descriptor in [known for known in self._names if known in ready]:
                name = self._names.pop(descriptor)
                self.dead = self.dead or name
            if source in ready:
                return


def _terminal() -> list[Any] | None:
    """The settings of the terminal, which a live display changes; None where there is none."""
    if termios is None or not os.isatty(2):
        return None
    return termios.tcgetattr(2)


def _watch(process: str) -> None:
    terminal = _terminal()
    watched, text, said = _Watched(), b"", None
    while True:
        watched.wait(0)
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, text = (text + chunk).split(b"\n")
        if lines and (said := json.loads(lines[-1])):
            watched.watch(said["processes"])
    if not said:
        return
    with contextlib.suppress(OSError):  # the terminal may be gone as well
        if terminal is not None:
            termios.tcsetattr(2, termios.TCSADRAIN, terminal)
        show_cursor = "" if terminal is None else "\x1b[?25h\n"
        who = watched.dead or f"the training (process {process})"
        os.write(2, f"{show_cursor}error: {who} died{WHY}; {said['resume_command']}\n".encode())


if __name__ == "__main__":
    _watch(sys.argv[1])
