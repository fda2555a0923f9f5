"""What a real terminal does with Ctrl-C while a panel is drawn on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

_DRAWS = """
import signal, sys, time
from tests.reporting.rows import make_row
from trainer.reporting.console.make_console import make_console
from trainer.run.stop_signals import StopSignals

with make_console() as console, StopSignals(console.note_stop, console.note_leave) as stop:
    console.start(10, 1, {"run": "my run"})
    console.iteration(make_row(1))
    console.message("ready")
    while not stop.requested:
        time.sleep(0.01)
    console.message("asked")
    while sys.argv[1] == "leaves":
        time.sleep(0.01)
    console.stop({"stopped": "here"})
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield leader, follower
    os.close(leader)
    os.close(follower)


def draw(follower: int, words: str, *, foreground: bool = True) -> subprocess.Popen[bytes]:
    """A process in a session of its own, for which the terminal is the controlling one."""

    def take_terminal() -> None:
        if foreground:
            fcntl.ioctl(follower, termios.TIOCSCTTY, 0)

    return subprocess.Popen(
        [sys.executable, "-c", _DRAWS, words],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=take_terminal,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def read_until(leader: int, text: str) -> str:
    shown = ""
    while text not in shown:
        shown += os.read(leader, 4096).decode(errors="replace")
    return shown


@pytest.mark.parametrize(("ends", "code"), [("saves", 0), ("leaves", 1)])
def test_ctrl_c_leaves_no_trace_in_the_panel(
    terminal: tuple[int, int], ends: str, code: int
) -> None:
    leader, follower = terminal
    before = termios.tcgetattr(follower)
    assert before[3] & termios.ECHOCTL
    process = draw(follower, ends)
    read_until(leader, "ready")
    os.write(leader, b"\x03")
    shown = read_until(leader, "asked")
    if ends == "leaves":
        os.write(leader, b"\x03")
    assert process.wait(timeout=60) == code
    assert termios.tcgetattr(follower) == before
    os.set_blocking(leader, False)
    with contextlib.suppress(BlockingIOError):
        shown += os.read(leader, 1 << 16).decode(errors="replace")
    assert "^C" not in shown


def test_a_terminal_of_others_is_left_alone(terminal: tuple[int, int]) -> None:
    leader, follower = terminal
    before = termios.tcgetattr(follower)
    process = draw(follower, "leaves", foreground=False)
    read_until(leader, "ready")
    assert termios.tcgetattr(follower) == before
    process.kill()
    process.wait()
