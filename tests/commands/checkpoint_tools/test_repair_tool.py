"""`python -m trainer.checkpoints repair` and `export`."""

from __future__ import annotations

import errno
import json
import os
import sys
import types
from pathlib import Path
from typing import NoReturn

import pytest

from tests.checkpoints.conftest import Call
from tests.checkpoints.fakes import contents, damage, names
from tests.checkpoints.store_places import Place, everywhere_slowly
from trainer.checkpoints import layout, locks
from trainer.checkpoints.manager import CheckpointManager

Export = tuple[Path, str, Path, str]  # checkpoint, policy, file, format


def test_repair(call: Call, four: Path, manager: CheckpointManager, dead: str) -> None:
    manager.pin(10)
    manager.pin(30)
    owner = json.loads(dead)
    temporary = f".tmp-{owner['machine']}.{owner['pid']}.{owner['start']}.0-checkpoint_000050"
    (four / temporary).mkdir()
    (four / ".writer.json").write_text(dead)
    marker = f"{layout.IN_USE}{owner['pid']}-x-checkpoint_000010"
    (four / marker).write_text(dead)
    damage(four, 30)
    (four / "checkpoint_000025").mkdir()
    (four / layout.INDEX).write_text("broken")
    (four / "best_model").mkdir()
    state = contents(four / "checkpoint_000030")
    code, out, err = call("repair", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert {Path(path).name for path in report["removed"]} == {temporary, ".writer.json", marker}
    assert [Path(item["path"]).name for item in report["aside"]] == [
        "checkpoint_000025",
        "checkpoint_000030",
    ]
    moved = Path(report["aside"][1]["moved_to"])
    assert moved.name.startswith("broken_checkpoint_000030_")
    assert contents(moved) == state
    assert (report["unpinned"], report["index_rebuilt"], report["whole"]) == ([30], True, 3)
    assert (four / "best_model").is_dir()
    assert (four / "metrics_iter_30.json").exists()
    assert CheckpointManager(four).listing().iterations == [10, 20, 40]
    before = names(four)
    assert call("repair") == (0, "whole: 3 checkpoints; nothing to do\n", "")
    assert names(four) == before


@everywhere_slowly
def test_repair_of_what_is_really_there(call: Call, four: Path, place: Place) -> None:
    place.change("checkpoint_000030/algorithm_state.pkl", b"other 30")
    code, out, err = call("repair", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert [Path(item["path"]).name for item in report["aside"]] == ["checkpoint_000030"]
    (broken,) = [name for name in place.names() if name.startswith("broken_checkpoint_000030_")]
    assert "checkpoint_000030" not in place.names()
    assert place.read(f"{broken}/algorithm_state.pkl") == b"other 30"
    assert place.manager().listing().iterations == [10, 20, 40]
    place.forget()
    assert place.manager().listing().iterations == [10, 20, 40]
    assert call("repair") == (0, "whole: 3 checkpoints; nothing to do\n", "")


def test_repair_tells_what_only_the_user_can_decide(call: Call, four: Path, dead: str) -> None:
    foreign = json.dumps(json.loads(dead) | {"machine": "elsewhere", "host": "node7"})
    (four / f"{layout.IN_USE}1-x-checkpoint_000010").write_text(foreign)
    (four / f"{layout.IN_USE}2-x-checkpoint_000010").write_text("")
    code, out, _ = call("repair")
    assert code == 1
    assert "on node7" in out
    assert "delete it if no run uses that checkpoint" in out


@everywhere_slowly
def test_repair_moves_pins_aside_that_make_no_sense(call: Call, four: Path, place: Place) -> None:
    place.change("pins.json", b"{")
    code, out, _ = call("repair")
    assert code == 0
    assert "moved to broken_pins_" in out
    (aside,) = four.glob("broken_pins_*.json")
    assert aside.read_text() == "{"
    assert call("pin", "10")[0] == 0


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[Export]:
    """The project's exporter, in whose place one stands that records what it was asked."""
    asked: list[Export] = []

    def export_policy(checkpoint: Path, policy_id: str, out: Path, format: str) -> Path:
        if format == "onnx":
            raise ImportError("ONNX needs the package onnx: pip install onnx")
        asked.append((checkpoint, policy_id, out, format))
        out.write_text("x")
        return out

    module = types.ModuleType("trainer.ppo.export")
    monkeypatch.setattr(module, "export_policy", export_policy, raising=False)
    monkeypatch.setitem(sys.modules, "trainer.ppo.export", module)
    return asked


def test_export(call: Call, four: Path, exported: list[Export]) -> None:
    code, out, _ = call("export", "best", "--policy", "seeker_policy")
    path = Path("checkpoint_000020_seeker_policy.pt2")
    assert (code, out) == (0, f"wrote {path}\n")
    assert exported == [(four / "checkpoint_000020", "seeker_policy", path, "pt2")]
    code, _, err = call("export", "best", "--policy", "seeker_policy")
    assert (code, "nothing is overwritten" in err) == (2, True)
    code, _, err = call("export", "best", "--policy", "seeker_polcy", "--out", "x")
    assert (code, "did you mean 'seeker_policy'?" in err) == (2, True)
    code, _, err = call("export", "best", "--policy", "seeker_policy", "--out", "no/x.pt2")
    assert (code, "no such folder: no" in err) == (2, True)
    code, _, err = call("export", "best", "--policy", "seeker_policy", "--format", "onnx")
    assert (code, err) == (1, "error: ONNX needs the package onnx: pip install onnx\n")
    damage(four, 20)
    assert call("export", "best", "--policy", "hider_policy")[0] == 3
    assert len(exported) == 1


def test_a_folder_without_anything_to_repair_stays_as_it_is(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    code, _, err = call("repair", "--checkpoint-dir", folder)
    assert (code, f"no such directory: {folder}; " in err) == (3, True)
    folder.mkdir()
    (folder / "notes.txt").touch()
    code, _, err = call("repair", "--checkpoint-dir", folder)
    assert (code, f"no checkpoints found in {folder}; " in err) == (3, True)
    assert names(folder) == ["notes.txt"]


@pytest.mark.parametrize(
    "words",
    [
        ("pin", "10"),
        ("unpin", "10"),
        ("tag", "10", "good"),
        ("untag", "20"),
        ("prune", "--yes", "--keep-last-n", "1"),
        ("repair",),
    ],
)
def test_a_folder_that_cannot_be_written_is_named(
    call: Call, four: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def refuse(directory: Path) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(directory / ".lock"))

    CheckpointManager(four).label(20, "known")
    monkeypatch.setattr(locks, "mutex", refuse)
    code, _, err = call(*words)
    assert (code, err) == (1, f"error: cannot change {four}: Read-only file system\n")


def test_an_export_that_cannot_be_written_is_named(
    call: Call, four: Path, exported: list[Export]
) -> None:
    code, _, err = call("export", "best", "--policy", "seeker_policy", "--out", "a" * 300)
    assert (code, err) == (1, f"error: cannot write {'a' * 300}: File name too long\n")
