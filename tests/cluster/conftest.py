from collections.abc import Iterator

import pytest

from tests.cluster import three_nodes
from tests.cluster.three_nodes import ThreeNodes


@pytest.fixture(scope="session")
def _cluster_of_three() -> Iterator[ThreeNodes]:
    with three_nodes.started() as nodes:
        yield nodes


@pytest.fixture
def cluster(_cluster_of_three: ThreeNodes) -> Iterator[ThreeNodes]:
    """A running Ray cluster of a head and two workers; it is started once for all tests."""
    yield _cluster_of_three
    _cluster_of_three.refill()
