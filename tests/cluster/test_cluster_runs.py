"""Whole runs on a real Ray cluster, as a user starts them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.checkpoints.object_store import KEYS, Bucket, url
from tests.cluster import real_cluster
from tests.cluster.real_cluster import RealCluster
from tests.scripts.conftest import SMALL, Desk
from tests.scripts.test_signals import wait_for
from trainer.checkpoints.remote.location import CACHE_VARIABLE
from trainer.project import PROJECT_ROOT

TINY = (
    *SMALL,
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.minibatch_size=128"),
    *("--set", "evaluation.every=null"),
    *("--set", "tracking.tensorboard_dir=null"),
)
MOST_S = 400.0

# Run where no other process can see the files; the game is in a module beside the program.
PROGRAM = """
import os, sys
from trainer.ppo_trainer import Game, create_ppo_trainer
from trainer.cluster.ray_session import stop_ray
from their_game import OneStepEnv

config = {
    "ppo": {"rollout_length": 8, "minibatch_size": 32},
    "train": {"engine": "torch"},
    "ray": {
        "address": sys.argv[1], "num_env_runners": 2, "num_learners": 1,
        "num_envs_per_env_runner": 8,
    },
}
trainer, _ = create_ppo_trainer(config, game=Game("numbers", OneStepEnv))

def sources(actor):
    import sys
    names = ("envs", "trainer", "their_game")
    return [sys.modules[name].__file__ for name in names if name in sys.modules]

trainer.train()
trainer.check_weights()
print(*sum(trainer.foreach_runner(sources), []), sep="\\n")
trainer.stop()
stop_ray()
"""


def test_a_wrong_address_is_one_line_before_anything_is_loaded(tmp_path: Path) -> None:
    desk = new_desk(tmp_path / "desk")
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    desk.variables["RAY_ADDRESS"] = place
    done = desk.run_anew("main.py", *SMALL, "--set", "ray.num_env_runners=1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot join the Ray cluster at RAY_ADDRESS = {place}: ")
    assert done.stderr.count("\n") == 1
    assert "starting" not in done.stdout
    assert not (desk.work / "checkpoints").exists()


@pytest.mark.slow
def test_nodes_that_cannot_see_the_project_get_it(cluster: RealCluster, tmp_path: Path) -> None:
    if (unshare := shutil.which("unshare")) is None:
        pytest.skip("unshare (util-linux) is not installed: what only one process sees needs it")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    script = f"""
        set -e
        mount -t tmpfs none {hidden}
        cp -r {PROJECT_ROOT}/envs {PROJECT_ROOT}/trainer {tmp_path}/program.py {hidden}
        cp {PROJECT_ROOT}/tests/ppo/one_step_env.py {hidden}/their_game.py
        cd {hidden}
        PYTHONPATH={hidden} exec {sys.executable} program.py {cluster.address}
    """
    done = subprocess.run(
        [unshare, "--mount" if os.getuid() == 0 else "-rm", "sh", "-c", script],
        env={**os.environ, "CHECKPOINT_CACHE": str(tmp_path / "cache")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(hidden.iterdir()) == []
    found = done.stdout.split()
    assert len(found) == 6
    assert all("/py_modules_files/" in file for file in found), found


@pytest.mark.slow
def test_a_killed_driver_is_followed_by_one_on_an_empty_disk_with_more_runners(
    cluster: RealCluster, s3: int, tmp_path: Path
) -> None:
    place, bucket = url(s3, "runs/a"), Bucket(s3, "runs/a")
    given = (*TINY, "--set", f"ray.address={cluster.address}", "--checkpoint-dir", place)
    first = new_desk(tmp_path / "first")
    words = ("main.py", "--iterations", "500", *given, "--set", "ray.num_env_runners=2")
    driver = first.start_anew(words=words)
    try:
        until = time.monotonic() + MOST_S
        while not any("checkpoint_000002/manifest.json" in name for name in bucket.names()):
            assert driver.poll() is None, driver.communicate()
            assert time.monotonic() < until, "no checkpoint"
            time.sleep(0.5)
    finally:
        driver.kill()
        driver.communicate()
    shutil.rmtree(first.folder)
    cluster.add()
    second = new_desk(tmp_path / "second")
    more = ("--resume", "latest", "--iterations", "2", "--set", "ray.num_env_runners=3")
    done = second.run_anew("main.py", *more, *given, timeout=MOST_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 env runners, learning in this process" in done.stdout
    assert "runner 3 is new: its worlds start fresh" in done.stdout
    assert "learner and runners hold the same weights" in done.stdout


@pytest.mark.slow
def test_the_death_of_the_raylet_of_this_machine_is_named_with_the_way_on(tmp_path: Path) -> None:
    desk = new_desk(tmp_path / "desk")
    with real_cluster.started(head_cpus=2, workers=0) as head:
        place = ("--set", f"ray.address={head.address}", "--set", "ray.num_env_runners=1")
        words = ("main.py", "--iterations", "4000", *TINY, *place)
        process = desk.start_anew(words=words)
        wait_for(process, "saved ./checkpoints/checkpoint_000002 ")
        pid = head.kill_raylet_of_head()
        _, errors = process.communicate(timeout=MOST_S)
    assert process.returncode == 1, errors
    (line,) = errors.splitlines()
    assert line.startswith(f"error: Ray's raylet of this machine (process {pid}) died; ")
    assert "resume with: " in line


def new_desk(folder: Path) -> Desk:
    return Desk(folder, {**KEYS, CACHE_VARIABLE: str(folder / "cache")})
