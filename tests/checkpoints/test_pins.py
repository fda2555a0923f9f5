import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints.fakes import branch_off, save
from tests.checkpoints.store_places import Place, everywhere, everywhere_slowly
from trainer.checkpoints import index, layout
from trainer.checkpoints.errors import NoUsableCheckpoint, SidecarUnreadable
from trainer.checkpoints.manager import CheckpointManager

ROOT = Path(__file__).parents[2]


@pytest.fixture
def with_final(manager: CheckpointManager, directory: Path) -> Path:
    for iteration in (10, 20, 30):
        save(manager, iteration, tags=["final"] if iteration == 30 else [])
    return directory


def tags(manager: CheckpointManager) -> dict[int, list[str]]:
    return {item["iteration"]: item["tags"] for item in manager.list_checkpoints()}


@everywhere
def test_a_pinned_checkpoint_is_kept_and_shown_until_it_is_unpinned(
    with_final: Path, manager: CheckpointManager, place: Place
) -> None:
    assert manager.pin("10") == with_final / "checkpoint_000010"
    manager.pin("latest")
    assert tags(manager) == {10: ["pinned"], 20: [], 30: ["final", "pinned"]}
    thrifty = place.manager(keep_last_n=1)
    thrifty.prune()
    assert thrifty.listing().iterations == [10, 30]
    thrifty.unpin(10)
    thrifty.unpin(10)
    assert tags(manager) == {10: [], 30: ["final", "pinned"]}
    thrifty.prune()
    assert thrifty.listing().iterations == [30]


@everywhere_slowly
def test_pins_do_not_touch_checkpoints_or_index(
    with_final: Path, manager: CheckpointManager
) -> None:
    before = (with_final / layout.INDEX).read_bytes()
    manager.pin(10)
    assert manager.listing() == manager.listing()
    assert (with_final / layout.INDEX).read_bytes() == before
    manager.verify(with_final / "checkpoint_000010")


@everywhere_slowly
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
def test_pins_survive_a_rebuild_of_the_index(
    with_final: Path, manager: CheckpointManager, damage: Callable[[Path], object]
) -> None:
    manager.pin(20)
    damage(with_final / layout.INDEX)
    assert tags(manager)[20] == ["pinned"]


def test_only_checkpoints_of_this_folder_can_be_pinned(
    with_final: Path, manager: CheckpointManager, tmp_path: Path
) -> None:
    other = save(CheckpointManager(tmp_path / "other"), 10)
    (with_final / "checkpoint_000020").rename(with_final / "best_model")
    for foreign in (other, with_final / "best_model"):
        with pytest.raises(NoUsableCheckpoint, match="which alone are pruned"):
            manager.pin(foreign)
    with pytest.raises(NoUsableCheckpoint, match="nearest: 10, 30"):
        manager.pin(20)
    assert not (with_final / layout.PINS).exists()


def test_pins_go_along_with_checkpoints_that_are_set_aside(
    with_final: Path, manager: CheckpointManager
) -> None:
    manager.pin(10)
    manager.pin(20)
    branch = branch_off(manager, 10)
    save(manager, 20)
    assert tags(manager) == {10: ["pinned"], 20: []}
    assert tags(CheckpointManager(branch)) == {20: ["pinned"], 30: ["final"]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Expecting value"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"pinned": [10]}', "format None is unknown"),
        ('{"format": 2, "pinned": [10]}', "format 2 is unknown"),
        ('{"format": true, "pinned": [10]}', "format True is unknown"),
        ('{"format": 1}', "'pinned' is not a list"),
        ('{"format": 1, "pinned": {"10": 1}}', "'pinned' is not a list"),
        ('{"format": 1, "pinned": ["10"]}', "10 is no iteration"),
        ('{"format": 1, "pinned": [true]}', "True is no iteration"),
        ('{"format": 1, "pinned": [1e400]}', "inf is no iteration"),
        ('{"format": 1, "pinned": [-1]}', "-1 is no iteration"),
        ('{"format": 1, "pinned": [1' + "0" * 400 + "]}", "1000000"),
        ('{"format": 1, "pinned": [1' + "0" * 5000 + "]}", "Exceeds the limit"),
        ("\xff", "invalid start byte"),
    ],
)
def test_broken_pins_are_told_and_nothing_is_pinned_or_lost(
    with_final: Path, manager: CheckpointManager, text: str, problem: str
) -> None:
    (with_final / layout.PINS).write_text(text, encoding="latin-1")
    listing = index.load(with_final)
    assert listing.iterations == [10, 20, 30]
    ((name, reason),) = listing.skipped
    assert name == "pins.json"
    assert problem in reason
    with pytest.raises(SidecarUnreadable, match="Nothing is deleted until it is corrected"):
        manager.pin(10)
    assert (with_final / layout.PINS).read_text(encoding="latin-1") == text


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "huge"])
def test_what_is_not_a_plain_file_is_not_read(
    with_final: Path, manager: CheckpointManager, tmp_path: Path, kind: str
) -> None:
    path = with_final / layout.PINS
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "elsewhere").write_text('{"format": 1, "pinned": [10]}')
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    with pytest.raises(SidecarUnreadable, match=r"not a plain file|bytes, more than"):
        CheckpointManager(with_final, keep_last_n=1).prune()
    assert manager.listing().iterations == [10, 20, 30]


PINNER = """
import os, sys
from trainer.checkpoints import pins
from pathlib import Path
os.fsync = os.fstat
for iteration in range(int(sys.argv[2]), 60, 3):
    pins.add(Path(sys.argv[1]), iteration)
"""


def test_no_pin_is_lost_when_several_processes_pin(with_final: Path) -> None:
    command = [sys.executable, "-c", PINNER, str(with_final)]
    running = [subprocess.Popen([*command, str(first)], cwd=ROOT) for first in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    document = json.loads((with_final / layout.PINS).read_text())
    assert document == {"format": 1, "pinned": list(range(60))}
