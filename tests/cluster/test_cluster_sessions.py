"""Session records of env runners on other nodes, which may die while an episode is sampled."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import ray

from tests.checkpoints.object_store import KEYS, Bucket, url
from tests.cluster.jobs import soon
from tests.cluster.real_cluster import SAMPLER, RealCluster
from tests.scripts.conftest import Desk
from trainer.checkpoints.remote.location import CACHE_VARIABLE
from trainer.cluster.ray_session import stop_ray
from trainer.episodes.names import RecordName
from trainer.ppo_trainer import create_ppo_trainer

# Episodes of 80 steps in rollouts of 16: most of the time each runner is in the middle of one.
SMALL = {
    "env.num_layouts": "4",
    "env.episode_steps": "80",
    "ppo.rollout_length": "16",
    "ppo.minibatch_size": "128",
    "ray.num_env_runners": "2",
    "ray.num_envs_per_env_runner": "16",
    "ray.custom_resources": f"{{{SAMPLER}: 1}}",
    "evaluation.every": "null",
    "tracking.tensorboard_dir": "null",
    "tracking.sessions.every": "1",
}
MOST_S = 400.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def records_of(worker: int, bucket: Bucket) -> list[int]:
    """The numbers of a worker's records."""
    names = [name for path in bucket.names() if (name := RecordName.of(path))]
    return [name.episode for name in names if name.worker == worker]


def test_a_runner_that_is_killed_within_an_episode_goes_on_with_the_next(
    cluster: RealCluster, port: int, tmp_path: Path
) -> None:
    place, bucket = url(port, "sessions"), Bucket(port, "sessions")
    desk = Desk(tmp_path / "desk", {**KEYS, CACHE_VARIABLE: str(tmp_path / "cache")})
    keys = SMALL | {"ray.address": cluster.address, "tracking.sessions.uri": place}
    settings = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    log = desk.folder / "log"
    with log.open("w") as file:
        words = desk.command("main.py", "--iterations", "100000", *settings)
        process = subprocess.Popen(
            words, cwd=desk.work, env=desk.environment(), stdout=file, stderr=file, text=True
        )
    try:
        soon(lambda: records_of(1, bucket) and records_of(2, bucket), process)
        os.kill(runner_on(cluster), signal.SIGKILL)
        soon(lambda: "of 2 is back" in log.read_text())
        (lost,) = map(int, re.findall(r"runner (\d) of 2 is back", log.read_text()))
        before = len(records_of(lost, bucket))
        soon(lambda: len(records_of(lost, bucket)) >= before + 2)
        process.send_signal(signal.SIGINT)
        process.wait(MOST_S)
    finally:
        process.kill()
        process.wait()
    output = log.read_text()
    assert process.returncode == 130, output
    assert re.search(r"\d+ session records[,;]", output)
    assert "cannot be written" not in output
    for worker in (1, 2):
        numbers = records_of(worker, bucket)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for name in bucket.names():
        record = json.loads(bucket.read(name))
        assert record["without"] == ""
        assert sum(stretch["steps"] for stretch in record["stretches"]) == 80


def runner_on(cluster: RealCluster) -> int:
    """The process of an env runner on a worker node."""
    for node in cluster.workers.values():
        raylet = node.all_processes["raylet"][0].process.pid
        for child in Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"BatchedEnvRunner" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    raise AssertionError("no node has an env runner")


def trained(
    cluster: RealCluster, every: int | None
) -> tuple[list[tuple[tuple[int, ...], str]], int]:
    """A training with a loss in the third iteration.

    Returns:
        Missing runners and weights after each iteration, and the number of records.
    """
    config = {
        "env": {"num_layouts": 2, "episode_steps": 80},
        "ppo": {"rollout_length": 16, "minibatch_size": 64},
        "ray": {
            "address": cluster.address,
            "num_env_runners": 2,
            "num_envs_per_env_runner": 8,
            "custom_resources": {SAMPLER: 1},
        },
        "tracking": {"sessions": {"every": every}},
    }
    trainer, _ = create_ppo_trainer(config)
    try:
        after, records = [], 0
        for iteration in range(1, 13):
            if iteration == 3:
                kill(trainer.remote_runners.actors()[1])
            trainer.train()
            after.append((trainer.last.missing_runners, trainer.check_weights()))
            records += len(trainer.last.episodes)
        return after, records
    finally:
        trainer.stop()
        stop_ray()


def kill(actor: ray.actor.ActorHandle) -> None:
    """Kills an actor, and waits until it lives again: nobody has told it anything yet."""
    ray.kill(actor, no_restart=False)
    until = time.monotonic() + MOST_S
    while time.monotonic() < until:
        with contextlib.suppress(ray.exceptions.RayActorError):
            ray.get(actor.ping.remote(), timeout=MOST_S)
            return
    raise AssertionError("it does not come back")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")
def test_a_runner_that_is_lost_within_an_episode_changes_nothing_by_it(
    cluster: RealCluster,
) -> None:
    with_records, without = trained(cluster, every=1), trained(cluster, every=None)
    assert with_records[1] > 0
    assert without[1] == 0
    for after, _ in (with_records, without):
        assert (after[2][0], after[-1][0]) == ((1,), ())
    # When the runner comes back is a matter of time: from then on the two trainings are others.
    pairs = zip(with_records[0], without[0], strict=True)
    alike = [*itertools.takewhile(lambda pair: pair[0][0] == pair[1][0], pairs)]
    assert len(alike) > 2
    assert [one for one, _ in alike] == [other for _, other in alike]
