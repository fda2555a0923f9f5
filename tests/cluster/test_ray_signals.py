"""Signals of a process that has started Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trainer.project import PROJECT_ROOT

CODE = """
import os, signal, sys
from pathlib import Path
from trainer.cluster import ray_session
from trainer.config.run_groups import RayGroup

ray_session.cache_dir = lambda: Path(sys.argv[1])
caught = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: caught.append(number))
ray_session.start_ray(RayGroup(num_env_runners=1))
for number in (signal.SIGINT, signal.SIGTERM):
    os.kill(os.getpid(), number)
ray_session.stop_ray()
print(*caught)
"""


def test_a_signal_after_ray_has_started_reaches_our_own_handler_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "2 15\n"), done.stderr
    assert "received" not in done.stderr  # the stack trace of Ray's own handler
