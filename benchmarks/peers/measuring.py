"""How every peer is timed: some iterations after a warm-up, in a process of its own."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line that all peers have."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--iterations", type=int, default=4, help="measured ones (default: 4)")
    return made


def report(version: str, iterations: int, iterate: Callable[[], int]) -> None:
    """Times the iterations and prints one JSON line: agent_steps, seconds, version.

    Args:
        version: of the library measured.
        iterations: how many, after one that warms up and compiles.
        iterate: samples and learns once; returns the agent-steps, frozen agents' no-ops included.
    """
    iterate()
    started = time.perf_counter()
    steps = sum(iterate() for _ in range(iterations))
    seconds = time.perf_counter() - started
    print(json.dumps({"agent_steps": steps, "seconds": seconds, "version": version}), flush=True)
