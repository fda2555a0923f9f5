"""A cluster of hosts on a network: a job is submitted from another host, and a link goes down."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.hosts import MISSING, Hosts, can_have_hosts, hosts
from tests.cluster.jobs import FOREVER, desk_at, soon
from tests.cluster.real_cluster import environment
from tests.scripts.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_have_hosts(), reason=MISSING),
    pytest.mark.timeout(1800),
]

_ATTEMPTS = 5


@pytest.fixture
def network() -> Iterator[Hosts]:
    with hosts("head", "one", "two", "laptop") as found:
        yield found


class Cluster:
    """A Ray on the hosts of a network, by `ray start` on each."""

    def __init__(self, network: Hosts, folder: Path) -> None:
        self._network, self._folder = network, folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.dashboard = f"http://{network.address['head']}:8265"

    def start(self, host: str) -> None:
        """Starts Ray there; it gives itself half a minute, too little on a busy machine."""
        address = self._network.address
        if host == "head":
            words = ["--head", "--port=6379", "--dashboard-host=0.0.0.0", "--num-cpus=0"]
            words += [f"--temp-dir={self._folder}/ray"]
        else:
            words = [f"--address={address['head']}:6379", "--num-cpus=1"]
        ray = str(Path(sys.executable).with_name("ray"))
        words += [f"--node-ip-address={address[host]}", f"--object-store-memory={2**27}"]
        command = self._network.on(host, ray, "start", *words, "--block")
        log = self._folder / f"{host}.log"
        for _ in range(_ATTEMPTS):
            with log.open("w") as file:
                self._daemons[host] = subprocess.Popen(
                    command,
                    env=environment(self._folder),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            soon(lambda: "Ray runtime started" in log.read_text() or self.has_ended(host))
            if not self.has_ended(host):
                return
        raise AssertionError(log.read_text())

    def has_ended(self, host: str) -> bool:
        """Whether Ray no longer runs there."""
        return self._daemons[host].poll() is not None

    def end(self) -> None:
        for daemon in self._daemons.values():
            daemon.terminate()
        for daemon in self._daemons.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(60)
            daemon.kill()
            daemon.wait()

    def answers(self) -> bool:
        """Whether the laptop reaches the dashboard."""
        program = f"import urllib.request; urllib.request.urlopen('{self.dashboard}/api/version')"
        words = self._network.on("laptop", sys.executable, "-c", program)
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture
def cluster(network: Hosts) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="rn-"))  # short: it becomes a part of socket paths
    cluster = Cluster(network, folder)
    try:
        for host in ("head", "one", "two"):
            cluster.start(host)
            if host == "head":
                soon(cluster.answers)
        yield cluster
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_host_whose_link_goes_down_costs_its_share_until_there_is_another(
    network: Hosts, cluster: Cluster, tmp_path: Path
) -> None:
    desk = desk_at(tmp_path / "desk", cluster.dashboard)
    saved = desk.work / "saved"
    training = ["--resume", "auto", "--until", FOREVER, "--checkpoint-dir", str(saved)]
    words = ["--working-dir", str(desk.folder / "code")]
    words += ["--env", "RAY_WORKERS=2", "--", *training]
    log = desk.folder / "log"
    with log.open("w") as file:
        follower = subprocess.Popen(
            network.on("laptop", sys.executable, "-m", "trainer.submit", *words),
            cwd=ROOT,
            env=desk.environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        soon(lambda: desk.checkpoints("saved"), follower)
        network.set_link("two", "down")
        soon(lambda: "died and is being restarted" in log.read_text())
        before = len(desk.history("saved"))
        soon(lambda: len(desk.history("saved")) > before + 3)
        assert desk.history("saved")[-1]["runners_missing"] == 1
        network.set_link("two", "up")
        soon(lambda: cluster.has_ended("two"))  # the others have given it up
        cluster.start("two")
        soon(lambda: "of 2 is back" in log.read_text())
        soon(lambda: desk.history("saved")[-1]["runners_missing"] == 0)
        assert follower.poll() is None
    finally:
        follower.kill()
        follower.wait()
