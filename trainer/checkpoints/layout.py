"""The names of files and folders in a checkpoint directory."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

INDEX = "checkpoint_index.json"
MANIFEST = "manifest.json"
METADATA = "metadata.json"
CONFIG = "config.yaml"
CONFIG_FILE = "config_file.yaml"  # the user's configuration file as it was when the run started
POLICIES = "policies"
TRAINING_STATE = "training_state"  # what RLlib does not keep
POLICY_FILES = ("weights.safetensors", "spec.json")
FINAL_TAG = "final"
PINS = "pins.json"
LABELS = "labels.json"
SIDECARS = (PINS, LABELS)
PINNED_TAG = "pinned"
LOCK = ".lock"  # of `locks.mutex`
WRITER = ".writer.json"  # of `locks.writer_lock`
IN_USE = ".in_use-"  # prefix of a marker: .in_use-<owner>-checkpoint_000050

# Six digits at least, and no second spelling of one iteration (checkpoint_0000010).
_CHECKPOINT = re.compile(r"checkpoint_([0-9]{6}|[1-9][0-9]{6,})")
_SIDE_FILE = re.compile(r"training_metrics_iter_([0-9]+)\.png|metrics_iter_([0-9]+)\.json")
_BROKEN = re.compile(r"broken_checkpoint_[0-9]{6,}_[0-9]{8}T[0-9]{6}(_[0-9]+)?")
_BRANCH = re.compile(r"branch_after_[0-9]{6,}_[0-9]{8}T[0-9]{6}(_[0-9]+)?")


def checkpoint_name(iteration: int) -> str:
    """The folder name of an iteration: 10 -> "checkpoint_000010".

    Raises:
        ValueError: it is negative or not whole.
    """
    if isinstance(iteration, bool) or iteration != int(iteration) or iteration < 0:
        raise ValueError(f"iteration must be a whole number >= 0, not {iteration!r}")
    return f"checkpoint_{int(iteration):06d}"


def iteration_of(name: str) -> int | None:
    """The iteration of a checkpoint's folder name; None for any other name."""
    match = _CHECKPOINT.fullmatch(name)
    return int(match[1]) if match else None


def plot_name(iteration: int) -> str:
    """The file name of the figure drawn at an iteration."""
    return f"training_metrics_iter_{iteration}.png"


def history_name(iteration: int) -> str:
    """The file name of the metrics history up to an iteration."""
    return f"metrics_iter_{iteration}.json"


def side_files(directory: Path, iteration: int) -> list[Path]:
    """The existing plot and history of an iteration, which are deleted with its checkpoint."""
    names = (plot_name(iteration), history_name(iteration))
    return [directory / name for name in names if (directory / name).is_file()]


def any_iteration_of(name: str) -> int | None:
    """The iteration of the name of a checkpoint, plot or history; None for any other name."""
    match = _CHECKPOINT.fullmatch(name) or _SIDE_FILE.fullmatch(name)
    return int(match[1] or match[2]) if match else None


def branch_name(iteration: int, when: datetime, attempt: int = 1) -> str:
    """The folder name for newer checkpoints when training continues from `iteration`."""
    suffix = "" if attempt == 1 else f"_{attempt}"
    return f"branch_after_{iteration:06d}_{when:%Y%m%dT%H%M%S}{suffix}"


def is_branch_name(name: str) -> bool:
    """Whether a name is that of a branch folder."""
    return _BRANCH.fullmatch(name) is not None


def is_quarantine_name(name: str) -> bool:
    """Whether a name is that of a quarantined checkpoint."""
    return _BROKEN.fullmatch(name) is not None


def is_own_name(name: str) -> bool:
    """Whether a name looks like that of a folder that this package creates."""
    return name.startswith(("checkpoint_", "branch_after_", "broken_checkpoint_"))


def quarantine_name(name: str, when: datetime, attempt: int = 1) -> str:
    """The folder name for a quarantined checkpoint."""
    suffix = "" if attempt == 1 else f"_{attempt}"
    return f"broken_{name}_{when:%Y%m%dT%H%M%S}{suffix}"


def is_safe_name(name: str) -> bool:
    """Whether a relative POSIX name stays inside its folder on every operating system."""
    parts = name.split("/")
    return (
        all(part not in ("", ".", "..") for part in parts)
        and not any(char in name for char in "\\:\0")
        and name.isprintable()
    )
