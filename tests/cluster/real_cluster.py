"""A real Ray cluster: a head and its workers, as processes of this machine on free ports."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from tests.checkpoints.object_store import free_port
from trainer.cluster.environment import QUIET

SAMPLER = "sampler"
"""A resource that a worker node has one of, so that each takes one env runner that asks for it."""

_ATTEMPTS = 5
_OBJECT_STORE = 2**27


class RealCluster:
    """A head, and workers with two cores and one `SAMPLER` each.

    Attributes:
        address: HOST:PORT of its control service.
        dashboard: URL of the dashboard, also of the job API; there is none unless asked for.
        metrics: URL of the metrics that the head exports.
        workers: the nodes but for the head, by their id.
    """

    def __init__(
        self,
        folder: Path,
        head_cpus: int,
        workers: int,
        *,
        dashboard: bool = False,
        object_stores: tuple[int, int] = (_OBJECT_STORE, _OBJECT_STORE),
    ) -> None:
        """`object_stores`: bytes of that of the head, and of that of each worker."""
        self._environment = environment(folder)
        self._count, self._object_store = workers, object_stores[1]
        self.workers: dict[str, Any] = {}

        def start() -> Cluster:
            ports = {"dashboard": free_port(), "metrics": free_port()}
            self.dashboard = f"http://127.0.0.1:{ports['dashboard']}"
            self.metrics = f"http://127.0.0.1:{ports['metrics']}/metrics"
            arguments = {
                "num_cpus": head_cpus,
                "include_dashboard": dashboard,
                "dashboard_host": "127.0.0.1",
                "dashboard_port": ports["dashboard"],  # a part of it runs in any case
                "dashboard_agent_listen_port": free_port(),  # a fixed one otherwise
                "metrics_export_port": ports["metrics"],
                "temp_dir": str(folder / "ray"),
                "object_store_memory": object_stores[0],
            }
            return Cluster(initialize_head=True, head_node_args=arguments)

        self._cluster = self._started(start)
        self.address: str = self._cluster.address
        self.refill()

    def add(self, **arguments: Any) -> str:
        """Adds a worker; returns its id."""
        asked = {
            "num_cpus": 2,
            "resources": {SAMPLER: 1},
            "object_store_memory": self._object_store,
            **arguments,
        }
        node = self._started(lambda: self._cluster.add_node(**asked))
        self.workers[node.node_id] = node
        return str(node.node_id)

    def kill(self, node_id: str) -> None:
        """Kills a worker's raylet by SIGKILL, as the loss of its machine would."""
        node = self.workers.pop(node_id)
        node.all_processes["raylet"][0].process.kill()
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self) -> None:
        """Kills all daemons of the head by SIGKILL; what is left can only be shut down."""
        self._cluster.remove_node(self._cluster.head_node, allow_graceful=False)

    def kill_raylet_of_head(self) -> int:
        """Kills one daemon of the head by SIGKILL; returns its process id."""
        process = self._cluster.head_node.all_processes["raylet"][0].process
        process.kill()
        return int(process.pid)

    def refill(self) -> None:
        """Brings the cluster back to as many workers as it began with."""
        while len(self.workers) < self._count:
            self.add()
        for node_id in list(self.workers)[self._count :]:
            self._cluster.remove_node(self.workers.pop(node_id), allow_graceful=False)

    @property
    def all_live(self) -> bool:
        nodes = [self._cluster.head_node, *self.workers.values()]
        return not any(node.dead_processes() for node in nodes)

    def shutdown(self) -> None:
        self._cluster.shutdown()

    def _started(self, start: Callable[[], Any]) -> Any:
        """What `start` returns; Ray itself waits half a minute, too little on a busy machine."""
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(Exception), self._variables():
                return start()
        with self._variables():
            return start()

    @contextlib.contextmanager
    def _variables(self) -> Iterator[None]:
        """What the daemons that are started inside inherit, and so the jobs."""
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self._environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def environment(folder: Path) -> dict[str, str]:
    """The variables of the daemons of a cluster that keeps its files in `folder`."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    beside = str(Path(sys.executable).parent)  # jobs find this interpreter as `python`
    return {
        **clean,
        **QUIET,
        "PATH": os.pathsep.join([beside, clean.get("PATH", "")]),
        "PYTHONWARNINGS": "ignore",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "RAY_TMPDIR": str(folder),  # where its address is written, for the jobs to find
        "RAY_worker_niceness": "0",  # beside other tests actors would hardly start
    }


@contextlib.contextmanager
def started(head_cpus: int = 1, workers: int = 2, **options: Any) -> Iterator[RealCluster]:
    """A cluster that is gone afterwards, its processes and its folder."""
    # A socket path may have 107 bytes, of which Ray takes 65: not below pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    try:
        (folder / "ray").mkdir()
        cluster = RealCluster(folder, head_cpus, workers, **options)
        try:
            yield cluster
        finally:
            cluster.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
