"""What is sent to a head as a job: the program of this checkout with a small configuration."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.scripts.conftest import ROOT, Desk

_CONFIG = """\
env: {num_layouts: 4}
ray: {num_envs_per_env_runner: 64}
ppo: {rollout_length: 32, num_epochs: 1, minibatch_size: 512, checkpoint_freq: 2}
evaluation: {every: 2, games: 4, past: 0}
tracking: {tensorboard_dir: null, run_name: mine}
"""
# The kernels of this checkout are compiled; those of a copy might have to be.
_MAIN = f"""\
import sys
sys.path.insert(0, {str(ROOT)!r})
from trainer.commands.train.main import main
if __name__ == "__main__":
    sys.exit(main())
"""
FOREVER = "100000"
_MOST_S = 400.0


def desk_at(folder: Path, dashboard: str) -> Desk:
    """A desk whose jobs go to that dashboard, with the folder `code` to be sent."""
    desk = Desk(folder, {"RAY_API_SERVER_ADDRESS": dashboard})
    (desk.folder / "code").mkdir()
    (desk.folder / "code/main.py").write_text(_MAIN)
    (desk.folder / "code/config.yaml").write_text(_CONFIG)
    return desk


def followed(desk: Desk, words: list[str]) -> subprocess.Popen[str]:
    """Starts a command that submits a job and follows it; errors are in its output too."""
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=desk.work,
        env={**desk.environment(), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def soon(reached: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Waits for something that is going to be; `process` must not end before."""
    end = time.monotonic() + _MOST_S
    while not reached():
        assert process is None or process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
