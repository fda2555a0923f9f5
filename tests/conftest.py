"""One torch thread, no deadlines, one server of forks, one of S3, and the order of the tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

# Hundreds of processes import the same files: what one compiles the others shall find, always.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from hypothesis import settings  # noqa: E402

from tests.checkpoints.object_store import HAS_MOTO, KEYS, MISSING, moto  # noqa: E402
from tests.scripts import forked  # noqa: E402

# Two threads that wait for each other crawl when tests share the cores.
os.environ["OMP_NUM_THREADS"] = "1"

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, by all children too

settings.register_profile("no deadline", deadline=None)  # another process may have the core
settings.load_profile("no deadline")

TESTS = Path(__file__).parent
FIRST = (
    *("scripts/test_remote.py", "ppo/test_learner.py"),  # need no fork: its server is starting
    *("scripts", "examples", "docs", "cluster", "commands", "ppo"),
)
"""What takes long: begun last, it would keep one core busy while others idle."""


def pytest_configure(config: pytest.Config) -> None:
    """One server of forks for the session; the workers of xdist find it in their environment."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        stack.enter_context(forked.server())
        config.add_cleanup(stack.close)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, for the tests that wait for a process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(4, (cores or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long first, short tests at the end."""

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(TESTS).as_posix()
        found = (place for place, start in enumerate(FIRST) if path.startswith(start))
        return next(found, len(FIRST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def s3() -> Iterator[int]:
    """The port of an S3 server, of all tests: each has a prefix of its own."""
    if not HAS_MOTO:
        pytest.skip(MISSING)
    with moto() as port:
        yield port


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What that server is asked with, in this process."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
