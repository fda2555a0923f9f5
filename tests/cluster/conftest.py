from collections.abc import Iterator

import pytest

from tests.checkpoints.object_store import HAS_MOTO, MISSING, moto
from tests.cluster import real_cluster
from tests.cluster.real_cluster import RealCluster


@pytest.fixture(scope="session")
def cluster_of_three() -> Iterator[RealCluster]:
    """The cluster of all tests; one that loses nodes asks for `cluster`."""
    with real_cluster.started() as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_of_three: RealCluster) -> Iterator[RealCluster]:
    """A running Ray cluster of a head and two workers, which are there again afterwards."""
    yield cluster_of_three
    cluster_of_three.refill()


@pytest.fixture(scope="module")
def head() -> Iterator[RealCluster]:
    """A running Ray of one node that takes jobs."""
    with real_cluster.started(head_cpus=2, workers=0, dashboard=True) as head:
        yield head


@pytest.fixture
def port() -> Iterator[int]:
    """Of an S3 server of the test's own, which begins empty."""
    if not HAS_MOTO:
        pytest.skip(MISSING)
    with moto() as port:
        yield port
