"""The family tree of checkpoints, on folders made by the manager itself."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.checkpoints.store_places import Place, everywhere_slowly
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools import lineage

SCRIPT = Path(__file__).resolve().parents[3] / "list_checkpoints.py"


class Empty:
    """Saves one small file."""

    def save_to_path(self, path: str) -> None:
        (Path(path) / "note").write_text("nothing\n")


class Runs:
    """Makes checkpoints as training processes would, a minute apart."""

    def __init__(self, directory: Path | str) -> None:
        self.now = datetime(2026, 1, 1)
        self.manager = CheckpointManager(directory, keep_last_n=0, clock=self.tick)

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def save(self, segment: str, iterations: list[int], parent: dict | None = None) -> list[Path]:
        return [
            self.manager.save(
                Empty(),
                iteration=n,
                metadata={"segment": segment, "parent": parent},
                tags=("final",) if n == iterations[-1] else (),
            )
            for n in iterations
        ]


def origin(path: Path) -> dict[str, object]:
    digest = hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()
    return {"path": str(path), "sha256": digest}


@everywhere_slowly
def test_a_resume_hangs_below_the_run_it_continues_even_after_a_branch(place: Place) -> None:
    runs = Runs(place.given)
    first = runs.save("a", [10, 20, 30, 40])
    parent = {"mode": "resume", **origin(first[1])}
    aside = runs.manager.set_aside_newer(20)
    runs.save("b", [30, 50], parent)
    assert aside is not None
    place.forget()  # what is known of each is enough
    place.manager().listing()
    assert lineage.draw(place.directory) == [
        "my checkpoints",
        f"└── fresh: 10-20 (2), 30-40 (2) [FINAL] in {aside.name}",
        "    └── resumed from my checkpoints/checkpoint_000020: 30-50 (2) [FINAL]",
    ]


def test_several_children_and_sources_elsewhere(tmp_path: Path) -> None:
    elsewhere = Runs(tmp_path / "other").save("x", [7])[0]
    runs = Runs(tmp_path / "checkpoints")
    first = runs.save("a", [10])[0]
    runs.save("b", [20], {"mode": "resume", **origin(first)})
    both = {"seeker_policy": origin(first), "hider_policy": origin(first)}
    runs.save("c", [30], {"mode": "warmstart", "policies": both})
    mixed = {"seeker_policy": origin(first), "hider_policy": origin(elsewhere)}
    runs.save("d", [40], {"mode": "warmstart", "policies": mixed})
    runs.save("e", [50], {"mode": "warmstart", "policies": {"hider_policy": origin(elsewhere)}})
    assert lineage.draw(tmp_path / "checkpoints") == [
        "checkpoints",
        "├── fresh: 10 [FINAL]",
        "│   ├── resumed from checkpoints/checkpoint_000010: 20 [FINAL]",
        "│   └── warm start from checkpoints/checkpoint_000010: 30 [FINAL]",
        "├── warm start from checkpoints/checkpoint_000010 (seeker), "
        "other/checkpoint_000007 (hider): 40 [FINAL]",
        "└── warm start from other/checkpoint_000007 (hider only): 50 [FINAL]",
    ]


@pytest.mark.parametrize(
    "parent", ["text", 3, {"policies": 5}, {"sha256": ["x"]}, {"policies": {"a": 1}}]
)
def test_a_strange_origin_is_no_reason_to_fail(tmp_path: Path, parent: object) -> None:
    runs = Runs(tmp_path / "checkpoints")
    runs.save("a", [1], parent)  # type: ignore[arg-type]
    first, line = lineage.draw(tmp_path / "checkpoints")
    assert first == "checkpoints"
    assert line.endswith(": 1 [FINAL]")
