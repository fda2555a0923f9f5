"""Kills of Ray's processes under a training: one line that names what died and the way on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.scripts.conftest import Desk
from tests.scripts.test_signals import wait_for

TINY = (
    *("--set", "env.num_layouts=4"),
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.minibatch_size=256"),
    *("--set", "ppo.checkpoint_freq=2"),
    *("--set", "ray.num_env_runners=2"),
)
MOST_S = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * MOST_S)]


@pytest.fixture(autouse=True)
def _beside_others(desk: Desk) -> None:
    desk.variables["PYTHONWARNINGS"] = "ignore"  # Ray's own, at its import
    desk.variables["RAY_worker_niceness"] = "0"  # beside other tests actors would hardly start


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their command lines."""
    found: dict[int, str] = {}
    for number in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        line = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        found |= {number: line} | descendants(number)
    return found


def kill(process: subprocess.Popen[str], *names: str, count: int = 1) -> list[int]:
    """SIGKILL the first processes of each of the names."""
    below = descendants(process.pid)
    victims = [[pid for pid, line in below.items() if name in line][:count] for name in names]
    assert all(victims), below
    chosen = [pid for group in victims for pid in group]
    for pid in chosen:
        os.kill(pid, signal.SIGKILL)
    return chosen


TWO_LEARNERS = ("--set", "ray.num_learners=2")
AGENT = r"Ray's (RuntimeEnvAgent|DashboardAgent) \(process \d+\) died"
GCS = r"Ray's control service, gcs_server, \(process {}\) died"


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        (("_WrappedExecutable",), TWO_LEARNERS, r"learner [12] of 2 \(process {}\) died"),
        (
            ("_WrappedExecutable",),
            ("--set", "ray.num_learners=1", "--set", "ray.num_env_runners=0"),
            r"learner 1 of 1 \(process {}\) died",
        ),
        (("raylet/raylet",), TWO_LEARNERS, r"Ray's raylet \(process {}\) died"),
        (("gcs_server",), TWO_LEARNERS, GCS),
        (("gcs_server", "raylet/raylet"), TWO_LEARNERS, GCS),
        # A raylet that has lost one agent ends the other: on a busy machine both are found dead.
        (("ray::RuntimeEnvAgent",), (), AGENT),
        (("ray::DashboardAgent",), (), AGENT),
    ],
    ids=[
        *("learner", "only learner", "raylet", "control service", "all of it"),
        *("runtime agent", "dashboard agent"),
    ],
)
def test_a_death_ends_the_run_in_one_line_with_the_way_on(
    desk: Desk, names: tuple[str, ...], options: tuple[str, ...], says: str
) -> None:
    process = desk.start_anew(words=("main.py", *TINY, "--until", "4000", *options))
    wait_for(process, "saved ./checkpoints/checkpoint_000002 ")
    pid = kill(process, *names)[0]
    output, errors = process.communicate(timeout=MOST_S)
    assert process.returncode == 1, errors
    lines = errors.splitlines()
    assert len(lines) == 1, errors
    assert re.match("error: " + says.format(pid), lines[0]), errors
    assert "Broken pipe" not in output + errors
    assert "(raylet)" not in output
    told = re.search(r"the last checkpoint is \./checkpoints/(\w+); resume with: ", lines[0])
    assert told is not None, errors
    last = told[1]
    assert last in desk.checkpoints()[-2:]  # another one may just have been committed
    command = shlex.split(lines[0].rpartition("resume with: ")[2])
    assert Path(command[1]).name == "continue_training.py"
    assert command[2] == f"./checkpoints/{last}"


@pytest.mark.parametrize("count", [1, 2])
def test_killed_runners_are_reported_and_come_back(desk: Desk, count: int) -> None:
    process = desk.start_anew(words=("main.py", *TINY, "--until", "4000"))
    wait_for(process, " 3/4000 |")
    kill(process, "ray::BatchedEnvRunner", count=count)
    if count == 1:
        told = wait_for(process, "died and is being restarted")[-1]
        assert re.match(
            r"warning: runner [12] of 2 died .*; this iteration has 50% of the data", told
        )
        wait_for(process, "of 2 is back")
    wait_for(process, "/4000 |")  # it continues
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=MOST_S)
    assert process.returncode == 130, errors
    missing = [row["runners_missing"] for row in desk.history()]
    assert missing[:3] == [0, 0, 0]
    assert len(missing) > 3
    assert set(missing) <= {0, 1}  # with none of the two there is nothing to learn from: it waits
    if count == 1:
        assert 1 in missing
        assert missing[-1] == 0
