"""How long whole processes take, and how much memory they and their children hold."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import family, running
from trainer.project import PROJECT_ROOT

PAGE = os.sysconf("SC_PAGE_SIZE")


def command(*words: str) -> list[str]:
    """A Python command of this environment."""
    return [sys.executable, *words]


def seconds(words: Sequence[str], cwd: Path = PROJECT_ROOT) -> float:
    """Wall clock of a command that must succeed; its output is thrown away."""
    started = time.perf_counter()
    subprocess.run(words, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@dataclass(frozen=True)
class MemoryTrace:
    """Resident memory of a process and all its descendants over time.

    Attributes:
        seconds: since the start.
        megabytes: sum over the processes (shared pages counted in each: an upper bound).
    """

    seconds: list[float]
    megabytes: list[float]

    @property
    def peak(self) -> float:
        return max(self.megabytes)

    def mean(self, start: float, end: float) -> float:
        """Mean over the part of the run from `start` to `end` (shares, 0-1)."""
        cut = slice(int(start * len(self.megabytes)), max(1, int(end * len(self.megabytes))))
        part = self.megabytes[cut]
        return sum(part) / len(part)


def memory_of(words: Sequence[str], every_s: float = 0.5) -> MemoryTrace:
    """Runs a command that must succeed and watches its memory."""
    started = time.perf_counter()
    times, sizes = [], []
    with running(words, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            times.append(time.perf_counter() - started)
            sizes.append(sum(map(_resident, family(process.pid))) / 2**20)
            time.sleep(every_s)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, list(words))
    return MemoryTrace(times, sizes)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
