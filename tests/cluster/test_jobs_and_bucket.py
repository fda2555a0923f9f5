"""Jobs whose checkpoints lie in an object store: continued, begun from, and after a lost head."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.checkpoints.object_store import Bucket
from tests.cluster import real_cluster
from tests.cluster.jobs import FOREVER, desk_at, followed, soon
from tests.cluster.real_cluster import RealCluster
from tests.scripts.conftest import Desk

SECRETS = {"AWS_ACCESS_KEY_ID": "AKPL4NTED", "AWS_SECRET_ACCESS_KEY": "pl4nted-s3cret"}
PLACE = "s3://bucket/runs"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]


def words(desk: Desk, port: int, place: str, *options: str, until: str) -> list[str]:
    """The command that submits a training whose job alone has the keys of the store."""
    variables = {
        **SECRETS,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "CHECKPOINT_CACHE": str(desk.folder / "cache"),
        "RAY_WORKERS": "1",
    }
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    code = ["--working-dir", str(desk.folder / "code"), *given, *options]
    training = ["--resume", "auto", "--until", until, "--checkpoint-dir", f"{PLACE}/{place}"]
    return ["-m", "trainer.submit", *code, "--", *training]


def done(desk: Desk, *given: str) -> CompletedProcess[str]:
    """A job that succeeds, or what is told of one; with no word of a secret."""
    done = desk.run(*given, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [value for value in SECRETS.values() if value in done.stdout + done.stderr]
    return done


def test_a_job_is_continued_from_the_bucket_and_another_run_begins_there(
    head: RealCluster, port: int, tmp_path: Path
) -> None:
    desk = desk_at(tmp_path / "desk", head.dashboard)
    first = done(desk, *words(desk, port, "a", until="2"))
    assert f"--resume auto: no checkpoint in {PLACE}/a yet" in first.stdout
    assert f"saved {PLACE}/a/checkpoint_000002  iteration 2" in first.stdout
    assert "Ray shows AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in plain text" in first.stderr
    second = done(desk, *words(desk, port, "a", until="4"))
    assert f"RESTORING from checkpoint: {PLACE}/a/checkpoint_000002\n" in second.stdout
    (job,) = re.findall(r"^submitted (\S+) to http", second.stdout, re.MULTILINE)
    for form in (["status", job], ["status", job, "--json"], ["logs", job], ["list"]):
        shown = done(desk, "-m", "trainer.submit", *form).stdout
        assert form == ["list"] or f"{PLACE}/a/checkpoint_000004" in shown
    saved = f"{PLACE}/a/checkpoint_000002"
    restore = ("--env", f"RESTORE_CHECKPOINT={saved}")
    other = done(desk, *words(desk, port, "b", *restore, until="3"))
    assert f"RESTORING from checkpoint: {saved}\n" in other.stdout
    assert str(desk.folder / "cache") not in other.stdout + other.stderr  # the copies are nobody's
    assert f" --until 300 --checkpoint-dir {PLACE}/b\n" in other.stdout
    assert Bucket(port, "runs/a").checkpoints() == ["checkpoint_000002", "checkpoint_000004"]
    assert Bucket(port, "runs/b").checkpoints() == ["checkpoint_000003"]


def test_a_lost_head_is_told_of_and_a_new_cluster_goes_on_from_the_bucket(
    port: int, tmp_path: Path
) -> None:
    bucket = Bucket(port, "runs/a")
    with real_cluster.started(head_cpus=2, workers=0, dashboard=True) as lost:
        desk = desk_at(tmp_path / "first", lost.dashboard)
        with followed(desk, words(desk, port, "a", until=FOREVER)) as follower:
            soon(bucket.checkpoints, follower)
            lost.kill_head()
            output = follower.communicate(timeout=900)[0]
    last = bucket.checkpoints()[-1]
    assert follower.returncode == 1
    assert f"warning: {lost.dashboard} does not answer; trying for 2 min ...\n" in output
    assert (
        "is gone or cannot be reached, or its dashboard alone has died and the job goes on"
        in output
    )
    with real_cluster.started(head_cpus=2, workers=0, dashboard=True) as head:
        desk = desk_at(tmp_path / "second", head.dashboard)
        until = str(int(last.removeprefix("checkpoint_")) + 1)
        again = done(desk, *words(desk, port, "a", until=until))
    assert f"RESTORING from checkpoint: {PLACE}/a/{last}\n" in again.stdout
