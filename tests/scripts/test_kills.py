"""A shorter version of `python -m benchmarks.kills`, which kills 200 times."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.scripts.conftest import ROOT


@pytest.mark.slow
def test_nothing_is_lost_to_kills_at_random_moments() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--kills", "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills" in done.stdout
    assert "nothing lost" in done.stdout
