"""How every peer is timed: as this trainer, by `benchmarks.workload.timed`, in its own process."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from benchmarks.workload import timed


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line that all peers have."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--seconds", type=float, default=5.0, help="measured, after a warm-up")
    return made


def report(version: str, seconds: float, iterate: Callable[[], int]) -> None:
    """Times whole iterations and prints a `Measurement` with the version as one JSON line.

    Args:
        version: of the library measured.
        seconds: at least; the iteration before them warms up and compiles.
        iterate: samples and learns once; returns the agent-steps, frozen agents' no-ops included.
    """
    print(json.dumps({**asdict(timed(iterate, seconds)), "version": version}), flush=True)
