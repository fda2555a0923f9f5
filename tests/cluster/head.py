"""A Ray head with its dashboard on the loopback, in a process of its own and on free ports.

Run as a script it is that process: it prints what it is reached by, and ends with its input.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.checkpoints.object_store import free_port

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True)
class Head:
    """Where a running head is reached.

    Attributes:
        dashboard: URL, also of the job API.
        address: of Ray itself.
        metrics: URL of the metrics that the node exports.
        temp_dir: with Ray's logs.
    """

    dashboard: str
    address: str
    metrics: str
    temp_dir: str


@contextlib.contextmanager
def running_head(cpus: int = 2, variables: Mapping[str, str] | None = None) -> Iterator[Head]:
    """A head of so many CPUs; its jobs find this interpreter as `python`."""
    beside = str(Path(sys.executable).parent)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    path = os.pathsep.join([beside, clean.get("PATH", "")])
    folder = tempfile.mkdtemp(prefix="rh-")  # short: it becomes a part of socket paths
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.head", str(cpus), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**clean, **SETTINGS, "PATH": path, **(variables or {})},
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Head(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            shutil.rmtree(folder, ignore_errors=True)


def _serve(cpus: int, folder: str) -> None:
    from ray.cluster_utils import Cluster

    dashboard, metrics = free_port(), free_port()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": cpus,
            "include_dashboard": True,
            "dashboard_host": "127.0.0.1",
            "dashboard_port": dashboard,
            "metrics_export_port": metrics,
            "dashboard_agent_listen_port": free_port(),  # a fixed one otherwise
            "temp_dir": folder,
            "object_store_memory": 2**27,
        },
    )
    # As `ray start` does. Without it a job would join whatever Ray it finds on this machine.
    (Path(folder) / "ray_current_cluster").write_text(cluster.address)
    try:
        found = {
            "dashboard": f"http://127.0.0.1:{dashboard}",
            "address": cluster.address,
            "metrics": f"http://127.0.0.1:{metrics}/metrics",
            "temp_dir": folder,
        }
        print(json.dumps(found), flush=True)
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
