"""Stand-ins for what the trainer saves, small enough to write hundreds of checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.quarantine import Quarantined
from trainer.checkpoints.retention import Retention, reasons
from trainer.checkpoints.selectors import Selector

POLICIES = ("hider_policy", "seeker_policy")
WHEN = datetime(2024, 12, 19, 15, 30, 45)


class FakeAlgorithm:
    """Writes a tree with the names of RLlib's own; `payload` tells two saves apart."""

    def __init__(self, payload: str = "state") -> None:
        self.payload = payload

    def save_to_path(self, path: str) -> str:
        root = Path(path)
        assert root.is_absolute()
        learner = root / "learner_group" / "learner"
        learner.mkdir(parents=True)
        (root / "rllib_checkpoint.json").write_text("{}")
        (root / "algorithm_state.pkl").write_text(self.payload)
        (learner / "state.pkl").write_text(self.payload * 3)
        return path


def write_policies(folder: Path) -> None:
    for policy in POLICIES:
        (folder / policy).mkdir(parents=True)
        (folder / policy / "weights.safetensors").write_bytes(policy.encode() * 20)
        (folder / policy / "spec.json").write_text("{}")


def write_config(path: Path) -> None:
    path.write_text("ppo: {}\n")


WRITERS: Mapping[str, Callable[[Path], None]] = {
    "policies": write_policies,
    "config.yaml": write_config,
}


def save_own_game(folder: Path) -> Path:
    """A checkpoint of a game that is not hide and seek."""

    def write(path: Path) -> None:
        path.write_text("env: {game: tag, size: 6}\n")

    manager = CheckpointManager(folder)
    return manager.save(FakeAlgorithm(), iteration=5, metadata={}, writers={"config.yaml": write})


BY_REWARD = {"metric": "reward_mean", "mode": "max"}


def save(manager: CheckpointManager, iteration: int, **metadata: Any) -> Path:
    """One complete checkpoint of a run whose best goes by reward.

    `tags` and `payload` are taken out of the metadata.
    """
    tags = metadata.pop("tags", ())
    source = FakeAlgorithm(metadata.pop("payload", "state"))
    return manager.save(
        source,
        iteration=iteration,
        metadata={"reward_mean": float(iteration), "best_by": BY_REWARD, **metadata},
        writers=WRITERS,
        tags=tags,
    )


def open_past_damage(
    manager: CheckpointManager, selector: Selector
) -> tuple[Path, list[Quarantined]]:
    """The newest valid checkpoint up to the selected one; what was damaged is moved away."""
    path, damaged = manager.open_or_older(selector)
    return path, manager.quarantine(item.path for item in damaged)


def branch_off(manager: CheckpointManager, iteration: int) -> Path:
    """The new branch folder with everything after `iteration`."""
    branch = manager.set_aside_newer(iteration)
    assert branch is not None
    return branch


def kept(
    checkpoints: Iterable[CheckpointInfo], rule: Retention, **groups: Collection[int]
) -> set[int]:
    """The iterations that a rule keeps; groups as for `reasons`."""
    return set(reasons(checkpoints, rule, **groups))


def info(iteration: int, *, size_bytes: int = 1000, **metadata: Any) -> CheckpointInfo:
    """A listed checkpoint that needs no disk."""
    return CheckpointInfo(iteration, {"iteration": iteration, **metadata}, size_bytes, (1, 1, 1, 1))


def contents(folder: Path) -> dict[str, str]:
    """Relative name and digest of every file below `folder`, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    """What lies in a folder, hidden entries too; not what stays there once it was needed."""
    kept = (layout.LOCK, ".origin")
    return sorted(path.name for path in folder.iterdir() if path.name not in kept)


def damage(directory: Path, iteration: int) -> None:
    """Changes a file of a checkpoint."""
    (directory / f"checkpoint_{iteration:06d}" / "algorithm_state.pkl").write_text("other")
