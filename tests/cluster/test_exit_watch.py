"""Sudden ends, reported by a second process; real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = """
import os, pathlib, signal, subprocess
from trainer.cluster.exit_watch import ExitWatch

watch = ExitWatch("nothing was saved")
"""


def run(text: str) -> subprocess.CompletedProcess[str]:
    """Runs a program that has made a watch; its output ends when the watching process has ended."""
    return subprocess.run(
        [sys.executable, "-c", START + text], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_sudden_end_is_reported_with_the_last_resume_command(end: str) -> None:
    done = run(f"""
print(os.getpid(), flush=True)
watch.__enter__()
watch.set_resume_command("the last checkpoint is a")
watch.set_resume_command("the last checkpoint is b")
{end}
""")
    process = int(done.stdout)
    assert done.stderr == (
        f"error: the training (process {process}) died; was it killed, or is the memory full?;"
        " the last checkpoint is b\n"
    )
    assert done.returncode != 0


@pytest.mark.skipif(sys.platform != "linux", reason="another process cannot be waited for")
def test_the_process_that_died_before_is_named() -> None:
    done = run("""
other = subprocess.Popen(["sleep", "100"], stdout=-3, stderr=-3)
print(other.pid, flush=True)
watch.__enter__()
watch.name_processes({other.pid: "Ray's raylet", os.getpid(): "never"})
folder = pathlib.Path(f"/proc/{watch.process.pid}/fd")
watched = 0
while watched < 2:
    try:
        watched = sum("pidfd" in os.readlink(path) for path in folder.iterdir())
    except FileNotFoundError:  # closed while it was looked at
        pass
other.kill()
os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
os._exit(1)
""")
    assert done.stderr.startswith(f"error: Ray's raylet (process {int(done.stdout)}) died; ")
    assert done.stderr.endswith("; nothing was saved\n")


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("pass", 0),
        ("raise SystemExit(130)", 130),
        ("watch.silence(); os._exit(1)", 1),  # as the second Ctrl-C does
        ("watch.process.kill(); watch.process.wait(); watch.set_resume_command('x')", 0),
    ],
)
def test_an_end_with_words_of_its_own_is_left_to_them(end: str, code: int) -> None:
    done = run(f"with watch:\n    {end}")
    assert (done.stderr, done.returncode) == ("", code)


def test_without_actors_nothing_runs_beside() -> None:
    done = run("""
with ExitWatch("", active=False) as idle:
    idle.set_resume_command("x")
    print(idle.process, flush=True)
    os._exit(1)
""")
    assert (done.stdout, done.stderr) == ("None\n", "")
