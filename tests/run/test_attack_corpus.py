"""Thousands of hostile pickles: none ends in a signal, hangs, grows, or comes out as an object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.run.read_hostile_pickles import MEMORY

ROOT = Path(__file__).resolve().parents[2]


def attack(kind: str, seed: int, count: int) -> dict[str, Any]:
    """Reads the pickles in a process with little memory; the process must live to tell."""
    command = [
        sys.executable,
        "-m",
        "tests.run.read_hostile_pickles",
        kind,
        str(seed),
        str(count),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["grown"] < MEMORY
    assert found["refused"] + found["plain"] == found["cases"]
    return found


def test_the_attacks_that_are_known() -> None:
    assert attack("known", 0, 0)["plain"] <= 1  # a long list of nothing


def test_every_operation_and_every_allowed_global_as_they_are_not_meant() -> None:
    assert attack("systematic", 0, 4000)["cases"] >= 4000


def test_states_with_something_changed() -> None:
    found = attack("mutated", 1, 5000)
    assert found["cases"] == 5000
    assert 0 < found["plain"] < 1000  # what was changed can be a number


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_more_of_them(seed: int) -> None:
    attack("systematic", seed, 10**9 if seed == 0 else 20_000)
    attack("mutated", 100 + seed, 100_000)
