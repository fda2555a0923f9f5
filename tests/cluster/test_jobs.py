"""Training as jobs of a real Ray head: submitted, followed, killed, started again and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.cluster.jobs import FOREVER, desk_at, followed, soon
from tests.cluster.real_cluster import RealCluster
from tests.scripts.conftest import Desk
from trainer.checkpoints.process_owner import Owner, is_running

TRAVELLING = (
    *("env.num_layouts=4", "ray.num_envs_per_env_runner=64", "ppo.rollout_length=32"),
    *("ppo.num_epochs=1", "ppo.minibatch_size=512", "tracking.tensorboard_dir=null"),
)
SECRET = "pl4nted"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def desk(tmp_path: Path, head: RealCluster) -> Desk:
    return desk_at(tmp_path / "desk", head.dashboard)


def words(desk: Desk, *options: str, until: str) -> list[str]:
    """The command that submits a training to that iteration, always the same one."""
    code = ("--working-dir", str(desk.folder / "code"), "--env", f"MY_TOKEN={SECRET}")
    training = ("--resume", "auto", "--until", until, "--checkpoint-dir", str(desk.work / "saved"))
    return ["-m", "trainer.submit", *code, *options, "--", *training]


def form(desk: Desk, *given: str, code: int = 0) -> str:
    done = desk.run("-m", "trainer.submit", *given, timeout=300)
    assert done.returncode == code, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done.stdout + done.stderr


def writer(desk: Desk) -> Owner | None:
    return Owner.read(desk.work / "saved/.writer.json")


def test_a_job_trains_and_tells_where_its_checkpoints_are(desk: Desk, head: RealCluster) -> None:
    saved = desk.work / "saved"
    done = desk.run(*words(desk, "--name", "first", until="4"), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert f"--resume auto: no checkpoint in {saved} yet" in done.stdout
    for iteration in (2, 4):
        line = f"\nsaved {saved}/checkpoint_{iteration:06d}  iteration {iteration}  "
        assert done.stdout.count(line) == 1
    (job,) = re.findall(r"^submitted (\S+) to http", done.stdout, re.MULTILINE)
    assert done.stdout.endswith(f"{job} succeeded\n")
    on = f"python -m trainer.submit --address {head.dashboard} --env MY_TOKEN -- --resume auto"
    following = (
        f"{on} --until 300 --checkpoint-dir {saved}",
        f"python list_checkpoints.py {saved}",
    )
    assert set(following) <= {line.strip() for line in done.stdout.splitlines()}
    log = form(desk, "logs", job)
    assert [line for line in log.splitlines() if "checkpoint_000002" in line]
    status = json.loads(form(desk, "status", job, "--json"))
    progress = status["progress"]
    assert (status["status"], status["name"]) == ("SUCCEEDED", "first")
    assert status["environment"] == "MY_TOKEN=***"
    assert (progress["iteration"], progress["of"]) == (4, 4)
    assert progress["checkpoint"] == f"{saved}/checkpoint_000004"
    assert 0 <= progress["score"] <= 1
    assert re.search(rf"^{job}\s+first\s+SUCCEEDED ", form(desk, "list"), re.MULTILINE)
    assert (
        json.loads(form(desk, "--address", head.dashboard, "status", "first", "--json")) == status
    )
    assert f"did you mean '{job}'?" in form(desk, "status", f"{job[:-1]}-", code=2)
    again = desk.run(*words(desk, until="4"), timeout=600)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing is left to train" in again.stdout


def test_a_job_that_fails_says_so(desk: Desk) -> None:
    (desk.folder / "code/main.py").write_text("import sys\nprint('oh')\nsys.exit(3)\n")
    done = desk.run(*words(desk, until="4"), timeout=300)
    assert done.returncode == 1
    assert "\noh\n" in done.stdout
    assert done.stdout.endswith(" failed: main.py ended with exit code 3\n")


def scraped(head: RealCluster) -> dict[str, float]:
    """The gauges of the run, as Prometheus would read them."""
    with urllib.request.urlopen(head.metrics, timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(r'^ray_hide_and_seek_(\w+)\{.*run="mine".*\} (\S+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@pytest.mark.slow
def test_a_killed_job_is_continued_by_the_same_command_and_by_one_at_a_time(
    desk: Desk, head: RealCluster
) -> None:
    gauges = {"iteration", "agent_steps_per_s", "seen_fraction", "evaluation_score"}
    gauges |= {"checkpoint_age_s"}
    told = form(desk, *words(desk, "--no-follow", until=FOREVER)[2:])
    (first,) = re.findall(r"^submitted (\S+) to http", told, re.MULTILINE)
    soon(lambda: desk.checkpoints("saved"))
    soon(lambda: scraped(head).keys() >= gauges)
    assert scraped(head)["iteration"] >= 1
    living = writer(desk)
    assert living is not None
    assert living.job == first

    second = desk.run(*words(desk, until=FOREVER), timeout=600)
    assert second.returncode == 1
    assert f"in use by process {living.pid} on {living.host}, the Ray job {first}" in second.stdout
    assert f"trainer.submit stop {first}" in second.stdout

    os.kill(living.pid, signal.SIGKILL)
    soon(lambda: json.loads(form(desk, "status", first, "--json"))["status"] == "FAILED")
    with followed(desk, words(desk, until=FOREVER)) as following:
        soon(lambda: (owner := writer(desk)) is not None and owner.pid != living.pid)
        following.send_signal(signal.SIGINT)  # it stops following, the job goes on
        output = following.communicate(timeout=300)[0]
    assert following.returncode == 130
    successor = writer(desk)
    assert successor is not None
    assert f"RESTORING from checkpoint: {desk.work}/saved/checkpoint_" in output
    assert f"{successor.job} goes on without being followed" in output
    assert f"trainer.submit stop {successor.job} --address {head.dashboard}" in output
    assert is_running(successor.pid, successor.start)

    stopped = form(desk, "stop", successor.job)
    assert f"next:\n  python -m trainer.submit --address {head.dashboard} --env MY_TOKEN" in stopped
    (last,) = re.findall(r"stopped; its last checkpoint is (\S+)", stopped)
    assert Path(last).name == desk.checkpoints("saved")[-1]
    assert not is_running(successor.pid, successor.start)
    assert "stopped" in form(desk, "logs", successor.job, "--follow", code=143)


@pytest.mark.slow
def test_the_project_itself_travels_with_what_is_compiled(desk: Desk) -> None:
    small = [word for key in TRAVELLING for word in ("--set", key)]
    given = ("--until", "2", "--checkpoint-dir", str(desk.work / "saved"), *small)
    words = ("-m", "trainer.submit", "--env", "RAY_WORKERS=1", "--", *given)
    # Whatever this checkout has not compiled yet, the first job compiles in its own copy.
    for _ in range(2):
        done = desk.run(*words, "--resume", "auto", timeout=800)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is left to train" in done.stdout
    assert desk.checkpoints("saved") == ["checkpoint_000002"]
