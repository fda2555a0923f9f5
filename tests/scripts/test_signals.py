"""Stop signals against a running training, and the questions asked on a terminal."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of
from tests.scripts.forked import Started


def wait_for(process: Started | subprocess.Popen[str], text: str) -> list[str]:
    """Reads the output up to the first line with `text`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stop_signal_saves_the_iteration_in_hand(
    desk: Desk, number: signal.Signals, code: int
) -> None:
    words = ("--until", "200", "--set", "ppo.checkpoint_freq=1000")
    process = desk.start("main.py", *SMALL, *words)
    wait_for(process, "2/200 |")
    process.send_signal(number)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert "as asked, before its end; the run can be continued" in rest
    last = desk.history()[-1]["iteration"]
    assert last >= 2
    assert desk.checkpoints() == [f"checkpoint_{last:06d}"]
    if number != signal.SIGINT:
        return
    # Once is enough to see that the command printed for going on does go on, from a shell: all
    # that a forked process finds loaded is imported anew, without a warning or a file elsewhere.
    printed = next(line for line in rest.splitlines() if "continue_training.py" in line)
    command = shlex.split(printed)
    assert command[-2:] == ["--until", "200"]
    done = subprocess.run(
        [*command[:-1], str(last + 1), "--yes"],
        cwd=desk.work,
        env=desk.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert desk.history()[-1]["iteration"] == last + 1
    assert [*(desk.folder / "home").rglob("*"), *(desk.folder / "tmp").rglob("*")] == []


def test_a_closed_terminal_saves_the_iteration_in_hand(desk: Desk) -> None:
    leader, follower = pty.openpty()
    words = ("--until", "4000", "--set", "ppo.checkpoint_freq=100000")
    process = desk.start_in_terminal(follower, "main.py", *SMALL, *words)
    os.close(follower)
    shown = b""
    while b"/4000" not in shown:
        shown = shown[-200:] + os.read(leader, 4096)
    os.close(leader)
    assert process.wait(timeout=60) == 129
    assert len(desk.checkpoints()) == 1


def test_nohup_is_heeded(desk: Desk) -> None:
    process = desk.start("main.py", "--until", "6", *SMALL, ignored=[signal.SIGHUP])
    wait_for(process, "1/6 |")
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert len(desk.history()) == 6


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no SIGUSR1 here")
def test_sigusr1_saves_and_goes_on(desk: Desk) -> None:
    process = desk.start("main.py", "--until", "24", *SMALL, "--set", "ppo.checkpoint_freq=1000")
    wait_for(process, "1/24 |")
    process.send_signal(signal.SIGUSR1)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    first, last = desk.checkpoints()
    assert "checkpoint_000001" <= first < last == "checkpoint_000024"
    assert f"saved ./checkpoints/{first}" in rest
    assert len(desk.history()) == 24


def test_a_signal_during_the_start_ends_without_a_checkpoint(desk: Desk) -> None:
    process = desk.start("main.py", *SMALL)
    wait_for(process, "starting")
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in errors
    assert "nothing was trained; nothing was changed" in rest
    assert list(desk.work.iterdir()) == []


@pytest.mark.slow
def test_a_signal_while_ray_starts_is_heeded_too(desk: Desk) -> None:
    process = desk.start_anew(words=("main.py", *SMALL, "--set", "ray.num_env_runners=1"))
    wait_for(process, "starting")
    while process.poll() is None and not ray_children(process.pid):
        pass
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=90)
    assert process.returncode == 143, errors
    assert "nothing was trained; nothing was changed" in rest
    assert "Traceback" not in errors


def ray_children(pid: int) -> bool:
    """Whether a process has begun to start Ray's daemons."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return "gcs_server" in listed.stdout


def test_a_second_ctrl_c_leaves_at_once(desk: Desk) -> None:
    big = ("--set", "ppo.rollout_length=1024", "--set", "ray.num_envs_per_env_runner=128")
    process = desk.start("main.py", *SMALL, *big, "--set", "ppo.checkpoint_freq=1000")
    wait_for(process, "1/300 |")  # the second iteration, of seconds, begins
    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "left at once, without a checkpoint; none is there" in errors
    assert "Traceback" not in errors
    assert desk.checkpoints() == []


def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_bits(
    desk: Desk, tmp_path: Path
) -> None:
    process = desk.start("main.py", "--until", "300", *SMALL)
    wait_for(process, "5/300 |")  # checkpoint 4 may just be in the middle of its commit
    process.kill()
    process.communicate(timeout=60)
    assert "checkpoint_000002" in desk.checkpoints()
    done = desk.run("main.py", "--resume", "latest", "--until", "8", *SMALL)
    assert done.returncode == 0, done.stderr
    straight = Desk(tmp_path / "straight")
    assert straight.run("main.py", "--until", "8", *SMALL).returncode == 0
    last = "checkpoints/checkpoint_000008"
    assert desk.weights(last) == straight.weights(last)
    assert desk.history() == straight.history()
    assert not list((desk.work / "checkpoints").glob(".tmp*"))


@pytest.mark.parametrize(("answer", "iterations"), [("n", 4), ("what\ny", 5)])
def test_continue_training_asks_on_a_terminal(
    trained: tuple[Desk, str], tmp_path: Path, answer: str, iterations: int
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    leader, follower = pty.openpty()
    os.write(leader, f"{answer}\n".encode())
    words = ("continue_training.py", "--iterations", "1", *SMALL)
    done = desk.run(*words, stdin=follower)
    os.close(follower)
    os.close(leader)
    assert done.returncode == 0, done.stderr
    assert "Continue training? [y/N]" in done.stdout
    for shown in ("iteration", "saved", "reward mean", "configuration: as in the checkpoint"):
        assert shown in done.stdout
    assert desk.history()[-1]["iteration"] == iterations
    if answer == "n":
        assert "nothing was changed" in done.stdout
