"""Where and when figures were measured: processor, versions, date, commit."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trainer.config.usable_cores import usable_cores
from trainer.project import PROJECT_ROOT

_PACKAGES = ("torch", "ray", "numba", "numpy", "scipy")


def circumstances(started: datetime) -> dict[str, Any]:
    """What a figure needs beside it; plain values for the JSON file."""
    return {
        "date": started.isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": processor(),
        "cores": usable_cores(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def in_words(known: dict[str, Any]) -> str:
    """The circumstances in two lines."""
    versions = ", ".join(f"{name} {number}" for name, number in known["versions"].items())
    date = known["date"].replace("T", " ")[:16]
    return (
        f"{date}, commit {known['commit']}, {known['cores']} cores of {known['processor']}, "
        f"load {known['load_before']}\n{versions}"
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name in a file like /proc/cpuinfo, else what the platform calls it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit of this checkout, with a + where files differ from it; "unknown" without git."""
    if shutil.which("git") is None:
        return "unknown"
    done = [
        subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), *words], capture_output=True, text=True, check=False
        )
        for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain"))
    ]
    if done[0].returncode != 0:
        return "unknown"
    return done[0].stdout.strip() + ("+" if done[1].stdout.strip() else "")
