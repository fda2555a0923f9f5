"""Runs the scripts as a user does: real processes, in an empty folder, with an empty home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import forked

ROOT = Path(__file__).resolve().parents[2]

# A run of a second or two: 64 worlds x 32 steps, 1v1, with all that a resume has to carry over.
SMALL = (
    *("--set", "env.num_layouts=4"),
    *("--set", "ray.num_envs_per_env_runner=64"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.num_epochs=2"),
    *("--set", "ppo.minibatch_size=512"),
    *("--set", "ppo.checkpoint_freq=2"),
    *("--set", "ppo.kl_coeff=0.2"),
    *("--set", "ppo.normalize_obs=true"),
    *("--set", "ppo.seeker.lr_schedule_type=cosine"),
    *("--set", "ppo.seeker.lr_schedule_step_on=update"),
    *("--set", "schedules.entropy_coeff={type: exponential, end: 0.001}"),
    *("--set", "schedules.hider.logit_bias={forward.ahead: {type: linear, start: 1, end: 0}}"),
    *("--set", "schedules.env.vision_angle={type: linear, start: 300, end: 100}"),
    *("--set", "schedules.env.prep_share={type: linear, start: 0.1, end: 0.5}"),
    *("--set", "train.alternate.every=3"),
)


@dataclass
class Desk:
    """An empty working folder with a home and a temporary folder of its own."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "work"):
            (self.folder / name).mkdir(parents=True)
        self.work = self.folder / "work"

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "XDG_"))}
        own = {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "default",
            "PYTHONUNBUFFERED": "1",
        }
        return clean | own | self.variables

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / words[0]), *words[1:]]

    def run(
        self,
        *words: str,
        timeout: float = 120,
        stdin: int | None = None,
        stdout: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script to its end, in a process of its own; `stdin`, `stdout`: `forked.run`."""
        return forked.run(words, self.work, self.environment(), timeout, stdin, stdout)

    def run_anew(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """The same with an interpreter of its own, as from a shell."""
        return subprocess.run(
            self.command(*words),
            cwd=self.work,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *words: str, ignored: Sequence[signal.Signals] = ()) -> forked.Started:
        """Starts a script, in a process of its own that ignores some signals from the start."""
        return forked.Started(words, self.work, self.environment(), ignored)

    def start_in_terminal(self, terminal: int, *words: str) -> forked.Process:
        """Starts a script in a terminal, given by the descriptor of its follower."""
        return forked.Process(words, self.work, self.environment(), [terminal] * 3)

    def start_anew(self, *before: str, words: Sequence[str]) -> subprocess.Popen[str]:
        """The same with an interpreter of its own; `before` is what runs it, as `nohup`."""
        return subprocess.Popen(
            [*before, *self.command(*words)],
            cwd=self.work,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def checkpoints(self, folder: str = "checkpoints") -> list[str]:
        return sorted(p.name for p in (self.work / folder).glob("checkpoint_[0-9]*") if p.is_dir())

    def history(self, folder: str = "checkpoints") -> list[dict[str, Any]]:
        """The metrics rows without what a clock has written, and but for the regular evaluations:
        where a run ends there is one more."""
        text = (self.work / folder / "metrics_history.jsonl").read_text()
        rows = [json.loads(line) for line in text.splitlines()]
        return [
            {
                k: None if k.startswith("evaluation/") and row["iteration"] % 20 else v
                for k, v in row.items()
                if not k.startswith("time/") and not k.endswith("_per_s")
            }
            for row in rows
        ]

    def weights(self, checkpoint: str) -> list[bytes]:
        found = sorted((self.work / checkpoint).glob("policies/*/weights.safetensors"))
        assert len(found) == 2
        return [path.read_bytes() for path in found]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """A desk where `main.py` has trained 4 iterations, and what it printed; change only copies."""
    desk = Desk(tmp_path_factory.mktemp("trained") / "desk")
    done = desk.run("main.py", "--until", "4", *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return desk, done.stdout


def copy_of(desk: Desk, target: Path) -> Desk:
    """A second desk with the files of the first, to change freely."""
    import shutil

    copy = Desk(target)
    shutil.copytree(desk.work, copy.work, dirs_exist_ok=True)
    return copy
