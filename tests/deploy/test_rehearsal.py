"""The job of rayjob.yaml on a real Ray and a real object store, as KubeRay would run it.

What stands in for Kubernetes: two processes start Ray as the pods do, with the parameters,
variables and the kind of token of the manifest, and a shell submits the entrypoint as KubeRay's
submitter does.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkpoints.object_store import HAS_MOTO, KEYS, MISSING, filesystem, free_port, moto
from tests.deploy.manifests import RAYJOB, ROOT, load

PATIENCE_S = 280
PLACE = "s3://hide-and-seek/runs"
SMALL = (
    *("env.num_layouts=4", "ray.num_envs_per_env_runner=16", "ppo.rollout_length=32"),
    *("ppo.minibatch_size=256", "evaluation.every=null"),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_MOTO, reason=MISSING),
    pytest.mark.timeout(3 * PATIENCE_S),
]


def job() -> dict[str, Any]:
    (found,) = load(RAYJOB)
    spec: dict[str, Any] = found["spec"]
    return spec


def started(*options: str, **variables: str) -> subprocess.Popen[bytes]:
    """`ray start` as a pod runs it; it ends with the process."""
    command = [str(Path(sys.executable).with_name("ray")), "start", *options, "--block"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=variables, stdin=quiet, stdout=quiet, stderr=quiet)


def parameters(group: dict[str, Any]) -> list[str]:
    return [f"--{name}={value}" for name, value in group["rayStartParams"].items()]


def wait_until_healthy(port: int, nodes: list[subprocess.Popen[bytes]], path: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert [node.poll() for node in nodes] == [None] * len(nodes), "ray start has ended"
        url = f"http://127.0.0.1:{port}{path}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.status == 200
            return
        time.sleep(0.5)
    pytest.fail(f"no answer from {path}")


@pytest.fixture(scope="module")
def pods() -> Iterator[tuple[str, dict[str, str]]]:
    """The dashboard of a cluster of head and worker, and the variables of their containers."""
    cluster = job()["rayClusterSpec"]
    head, (worker,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    container = head["template"]["spec"]["containers"][0]
    probe = container["readinessProbe"]["httpGet"]["path"]
    ports = {name: free_port() for name in ("gcs", "dashboard", "client", "head", "worker")}
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "AWS_", "PYTHON"))}
    common = clean | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": cluster["authOptions"]["mode"],
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_worker_niceness": "0",  # beside other tests actors would hardly start
    }
    own = {variable["name"]: variable["value"] for variable in container["env"]}
    nodes: list[subprocess.Popen[bytes]] = []
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(moto())
        filesystem(store).create_dir("hide-and-seek")
        own |= KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{store}", "AWS_REGION": "us-east-1"}
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rj-"))
        own |= {"HOME": folder, "CHECKPOINT_CACHE": f"{folder}/mirror"}
        for options, group, variables, agent in (
            (
                (
                    *("--head", f"--port={ports['gcs']}", f"--temp-dir={folder}/ray"),
                    *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"),
                    f"--dashboard-port={ports['dashboard']}",
                    f"--ray-client-server-port={ports['client']}",
                ),
                head,
                common | own,
                ports["head"],
            ),
            (
                (f"--address=127.0.0.1:{ports['gcs']}", "--node-ip-address=127.0.0.1"),
                worker,
                common,
                ports["worker"],
            ),
        ):
            listens = f"--dashboard-agent-listen-port={agent}"
            nodes.append(started(*options, *parameters(group), listens, **variables))
            stack.callback(end, nodes[-1])
            wait_until_healthy(agent, nodes, probe)
        yield f"http://127.0.0.1:{ports['dashboard']}", common | own


def end(node: subprocess.Popen[bytes]) -> None:
    node.terminate()
    try:
        node.wait(60)
    finally:
        node.kill()


def submitted(
    pods: tuple[str, dict[str, str]], *words: str, place: str = "first", restore: str = ""
) -> subprocess.CompletedProcess[str]:
    """Submits the job through a shell, with other words at its end, and follows it to its end."""
    address, variables = pods
    entrypoint = job()["entrypoint"].replace("/app/", f"{ROOT}/").strip()
    entrypoint = entrypoint.replace("/runs/first", f"/runs/{place}")
    options = [word for setting in SMALL for word in ("--set", setting)]
    runtime = yaml.safe_load(job()["runtimeEnvYAML"])
    runtime["env_vars"] |= {"RAY_WORKERS": "1", "RESTORE_CHECKPOINT": restore}
    line = (
        f"ray job submit --address {address} --runtime-env-json {shlex.quote(json.dumps(runtime))}"
        f" -- {entrypoint} {shlex.join([*words, *options])}"
    )
    return subprocess.run(
        ["bash", "-c", line],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def trained(*given: Any, **named: Any) -> str:
    """What a job that succeeds has printed, with single spaces between the words."""
    done = submitted(*given, **named)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "compiling kernels" not in done.stdout
    return " ".join(done.stdout.split())


def test_the_job_trains_its_retry_continues_and_another_run_begins_there(
    pods: tuple[str, dict[str, str]],
) -> None:
    first = trained(pods, "--until", "1")
    assert f"--resume auto: no checkpoint in {PLACE}/first yet" in first
    assert "1 env runner" in first
    retry = trained(pods, "--until", "2")
    assert f"RESTORING from checkpoint: {PLACE}/first/checkpoint_000001" in retry
    saved = f"{PLACE}/first/checkpoint_000002"
    changed = ("--until", "3", "--set", "env.reward_seen=2.0")
    other = trained(pods, *changed, place="seen", restore=saved)
    assert f"RESTORING from checkpoint: {saved}" in other
    assert "env.reward_seen 1.0 -> 2.0 changed" in other
    assert f"{PLACE}/seen/checkpoint_000003" in other


def test_a_path_that_the_head_cannot_see_fails_the_job(pods: tuple[str, dict[str, str]]) -> None:
    path = "/tmp/ray/session_2025-10-16_19-21-03/checkpoint_000150"
    done = submitted(pods, "--until", "1", place="lost", restore=path)
    assert done.returncode == 1
    assert f"RESTORE_CHECKPOINT: Checkpoint path does not exist: {path}" in done.stdout
    assert "A Ray job looks for a path where it runs" in done.stdout
