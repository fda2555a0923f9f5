"""A sweep of real runs: to its end, killed and continued, stopped, and with one that fails."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripts.conftest import ROOT, Desk
from tests.scripts.forked import Started

CONFIG = """\
env: {num_layouts: 4}
ray: {num_envs_per_env_runner: 64}
ppo: {rollout_length: 32, num_epochs: 1, minibatch_size: 512, checkpoint_freq: 2}
tracking: {tensorboard_dir: null}
"""
SWEEP = ("-m", "trainer.sweep", "small.yaml", "--out", "out")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "desk")
    (desk.work / "small.yaml").write_text(CONFIG)
    return desk


def states(desk: Desk) -> dict[str, str]:
    document = json.loads((desk.work / "out/sweep.json").read_text())
    return {run["name"]: run["state"] for run in document["runs"]}


def until(reached: Callable[[], object], process: Started | None = None) -> None:
    """Waits for something that is going to be."""
    for _ in range(2000):
        if reached():
            return
        assert process is None or process.poll() is None, "ended before"
        time.sleep(0.05)
    raise AssertionError("it never came")


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in found.split()]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_grid_is_trained_compared_and_kept(desk: Desk) -> None:
    words = ("--set", "ppo.hiddens=[16,16],[32]", "--set", "train.seed=0", "--iterations", "4")
    done = desk.run(*SWEEP, *words, "--jobs", "2", timeout=250)  # the first may compile
    assert (done.returncode, done.stderr) == (0, "")
    names = ["hiddens=16x16", "hiddens=32"]
    assert states(desk) == dict.fromkeys(names, "finished")
    for name in names:
        assert len(desk.history(f"out/{name}/checkpoints")) == 4
        assert f"run          {name}" in (desk.work / "out" / name / "log.txt").read_text()
        assert (desk.work / "out/tensorboard" / name).is_dir()
    results = json.loads((desk.work / "out/results.json").read_text())
    assert {setting["values"]["ppo.hiddens"][0] for setting in results["settings"]} == {16, 32}
    assert all(seed["iteration"] == 4 for s in results["settings"] for seed in s["seeds"])
    assert (desk.work / "out/sweep.png").is_file()
    assert "next:" in done.stdout
    assert not (desk.work / "checkpoints").exists()

    # The same command has nothing left to do; more values are added to what there is.
    before = (desk.work / "out/hiddens=32/log.txt").read_text()
    words = ("--set", "ppo.hiddens=[32]", "--set", "train.seed=0,1", "--iterations", "4")
    done = desk.run(*SWEEP, *words, "--json")
    assert done.returncode == 0, done.stderr
    assert "2 runs in ./out, 1 at a time; 1 finished already" in done.stderr
    assert (desk.work / "out/hiddens=32/log.txt").read_text() == before
    document = json.loads(done.stdout)
    sizes = {str(s["values"]["ppo.hiddens"]): len(s["seeds"]) for s in document["settings"]}
    assert sizes == {"[16, 16]": 1, "[32]": 2}


def test_a_killed_sweep_goes_on_to_the_same_bits(desk: Desk) -> None:
    words = ("--set", "train.seed=0,1", "--iterations", "12")
    process = desk.start(*SWEEP, *words)
    first = desk.work / "out/seed=0/checkpoints/checkpoint_000002"
    until(first.is_dir, process)
    (child,) = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    until(lambda: not is_alive(child))
    assert states(desk) == {"seed=0": "running", "seed=1": "waiting"}
    assert "seed=0  cut short" in desk.run(*SWEEP, *words, "--dry-run").stdout

    done = desk.run(*SWEEP, *words)
    assert done.returncode == 0, done.stderr
    assert re.search(r"started   seed=0  from iteration \d+\n", done.stdout)
    assert states(desk) == {"seed=0": "finished", "seed=1": "finished"}
    alone = ("--config", "small.yaml", "--iterations", "12")
    whole = desk.run("main.py", *alone, "--checkpoint-dir", "alone")
    assert whole.returncode == 0, whole.stderr
    assert desk.history("out/seed=0/checkpoints") == desk.history("alone")
    last = "checkpoint_000012"
    assert desk.weights(f"out/seed=0/checkpoints/{last}") == desk.weights(f"alone/{last}")


def test_a_run_does_not_outlive_its_sweep(desk: Desk) -> None:
    process = desk.start(*SWEEP, "--iterations", "4000")
    until((desk.work / "out/run/checkpoints/checkpoint_000002").is_dir, process)
    (child,) = children(process.pid)
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not is_alive(child))
    history = desk.history("out/run/checkpoints")
    assert desk.checkpoints("out/run/checkpoints")[-1] == f"checkpoint_{len(history):06d}"


def test_ctrl_c_lets_every_run_save(desk: Desk) -> None:
    words = ("--set", "train.seed=0,1,2", "--iterations", "4000", "--jobs", "2")
    process = desk.start(*SWEEP, *words)
    for seed in (0, 1):
        folder = desk.work / f"out/seed={seed}/checkpoints/checkpoint_000002"
        until(folder.is_dir, process)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopping: each run saves a checkpoint first" in errors
    assert states(desk) == {"seed=0": "cut short", "seed=1": "cut short", "seed=2": "waiting"}
    for seed in (0, 1):
        folder_ = f"out/seed={seed}/checkpoints"
        rows = len(desk.history(folder_))
        assert desk.checkpoints(folder_)[-1] == f"checkpoint_{rows:06d}"
    (again,) = [line for line in out.splitlines() if line.endswith("# continues")]
    assert " --jobs 2" in again


def test_a_second_ctrl_c_kills_them(desk: Desk) -> None:
    process = desk.start(*SWEEP, "--iterations", "4000", "--set", "ppo.checkpoint_freq=1000")
    history = desk.work / "out/run/checkpoints/metrics_history.jsonl"
    until(history.is_file, process)
    (child,) = children(process.pid)
    os.kill(child, signal.SIGSTOP)  # it cannot save before the second one comes
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if "Ctrl-C again kills" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "left at once" in errors
    assert "trainer.sweep" in errors
    until(lambda: not is_alive(child))


def test_a_failed_run_is_told_and_tried_again_with_the_next_call(desk: Desk) -> None:
    words = (
        *("--set", "initialization.mode=warmstart,fresh", "--iterations", "2"),
        *("--set", "initialization.warmstart.checkpoint=./trained"),
    )
    done = desk.run(*SWEEP, *words)
    assert done.returncode == 1
    assert states(desk) == {"mode=warmstart": "failed", "mode=fresh": "finished"}
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("failed    ")]
    assert re.match("failed    mode=warmstart  initialization.warmstart: no checkpoints", told)
    assert "./out/mode=warmstart/log.txt" in done.stdout
    assert done.stdout.count("# continues") == 1
    finished = desk.work / "out/mode=fresh/checkpoints/checkpoint_000002"
    shutil.copytree(finished, desk.work / "trained")
    done = desk.run(*SWEEP, *words)
    assert done.returncode == 0, done.stdout
    assert "started   mode=fresh" not in done.stdout
    assert set(states(desk).values()) == {"finished"}


def test_a_run_that_cannot_be_started_does_not_hold_up_the_others(desk: Desk) -> None:
    words = ("--set", "train.seed=0,1", "--iterations", "2")
    assert desk.run(*SWEEP, "--set", "train.seed=1", "--iterations", "2").returncode == 0
    (desk.work / "out/seed=0").write_text("in the way")
    done = desk.run(*SWEEP, *words)
    assert done.returncode == 1
    assert "failed    seed=0  " in done.stdout
    assert "Traceback" not in done.stderr


def test_a_mistake_is_told_before_anything_is_made(desk: Desk) -> None:
    for words, told in (
        (("--set", "ppo.lr=0.001,-1"), "--set ppo.lr: ppo.lr = -1: must be above 0.0"),
        (("--jobs", "0"), "argument --jobs: 0 is no whole number above 0"),
        (("--measure", "evaluation/scor"), "did you mean 'evaluation/score'?"),
        (("--sett", "ppo.lr=1"), "here it is: --set"),
    ):
        done = desk.run(*SWEEP, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in desk.work.iterdir()] == ["small.yaml"]


def test_the_command_on_a_terminal_shows_a_table(desk: Desk) -> None:
    leader, follower = pty.openpty()
    desk.variables |= {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = desk.start_in_terminal(follower, *SWEEP, "--iterations", "2")
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(leader, 4096):
            shown += part
    os.close(leader)
    assert process.wait(timeout=60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    for told in ("Run", "State", "running", "1 finished", "Ctrl-C saves and stops", "next:"):
        assert told in text
    assert shown.rfind(b"\x1b[?25l") <= shown.rfind(b"\x1b[?25h")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from trainer.commands.sweep.main import build_parser\n"
        "build_parser().format_help()\n"
        "heavy = {'ray', 'torch', 'numpy', 'pydantic', 'matplotlib', 'rich', 'numba', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
