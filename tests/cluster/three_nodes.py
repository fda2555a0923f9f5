"""A real Ray cluster of three nodes, as processes of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from ray.cluster_utils import Cluster

from tests.checkpoints.object_store import free_port
from trainer.cluster.environment import QUIET

SAMPLER = "sampler"
"""A resource that a worker node has one of, so that each takes one env runner that asks for it."""

_ATTEMPTS = 3


class ThreeNodes:
    """A head with one core, and two workers with two cores and one `SAMPLER` each.

    Attributes:
        address: HOST:PORT of its control service.
        workers: the nodes but for the head, by their id.
    """

    def __init__(self, folder: str) -> None:
        arguments = {"num_cpus": 1, "include_dashboard": False, "temp_dir": folder}
        arguments["dashboard_port"] = free_port()  # a part of it runs all the same
        self._cluster = Cluster(initialize_head=True, head_node_args=arguments)
        self.address: str = self._cluster.address
        self.workers: dict[str, Any] = {}
        self.refill()

    def add(self, **arguments: Any) -> str:
        """Adds a worker; returns its id."""
        asked = {"num_cpus": 2, "resources": {SAMPLER: 1}, **arguments}
        for left in reversed(range(_ATTEMPTS)):
            try:
                node = self._cluster.add_node(**asked)
                break
            except Exception:  # Ray's own: no node within half a minute, on a busy machine
                if not left:
                    raise
        self.workers[node.node_id] = node
        return str(node.node_id)

    def kill(self, node_id: str) -> None:
        """Kills a worker's raylet by SIGKILL, as the loss of its machine would."""
        node = self.workers.pop(node_id)
        node.all_processes["raylet"][0].process.kill()
        self._cluster.remove_node(node, allow_graceful=False)

    def refill(self) -> None:
        """Brings the cluster back to two workers."""
        while len(self.workers) < 2:
            self.add()
        for node_id in list(self.workers)[2:]:
            self._cluster.remove_node(self.workers.pop(node_id), allow_graceful=False)

    @property
    def all_live(self) -> bool:
        nodes = [self._cluster.head_node, *self.workers.values()]
        return not any(node.dead_processes() for node in nodes)

    def shutdown(self) -> None:
        self._cluster.shutdown()


@contextlib.contextmanager
def started() -> Iterator[ThreeNodes]:
    """A cluster that is gone afterwards, its processes and its folder."""
    # A socket path may have 107 bytes, of which Ray takes 65: not below pytest's own folder.
    folder = tempfile.mkdtemp(prefix="ray-")
    before = dict(os.environ)
    os.environ.update(QUIET)
    try:
        nodes = ThreeNodes(folder)
        try:
            yield nodes
        finally:
            nodes.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
