"""Names and notes: they select a checkpoint, keep it, and go where it goes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.conftest import Call
from tests.checkpoints.fakes import branch_off, open_past_damage, save
from tests.checkpoints.store_places import Place, everywhere, everywhere_slowly, second_machine
from trainer.checkpoints import index, labels, layout
from trainer.checkpoints.errors import NoUsableCheckpoint, SidecarUnreadable
from trainer.checkpoints.labels import Label
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools import lineage, list_checkpoints
from trainer.commands.demo.checkpoint_choice import checkpoint_rows
from trainer.commands.train import checkpoint_folder
from trainer.reporting.terminal import Style

ROOT = Path(__file__).parents[2]
NOTE = "waits in the corner"


def labels_of(manager: CheckpointManager) -> dict[int, tuple[str, str]]:
    return {i["iteration"]: (i["name"], i["note"]) for i in manager.list_checkpoints() if i["name"]}


@everywhere
def test_a_name_selects_keeps_and_is_shown_until_it_is_taken_away(
    four: Path, manager: CheckpointManager, place: Place
) -> None:
    path = manager.label(10, "hides_well", NOTE)
    assert path == four / "checkpoint_000010"
    assert labels_of(manager) == {10: ("hides_well", NOTE)}
    thrifty = place.manager(keep_last_n=1)
    thrifty.prune()
    assert thrifty.listing().iterations == [10, 20, 40]
    assert thrifty.open("hides_well") == path
    assert open_past_damage(thrifty, "hides_well") == (path, [])
    thrifty.unlabel("hides_well")
    with pytest.raises(NoUsableCheckpoint, match="no such checkpoint: hides_well"):
        manager.open("hides_well")
    thrifty.prune()
    assert thrifty.listing().iterations == [20, 40]


def test_a_name_is_found_from_elsewhere_too(
    four: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CheckpointManager(four).label(20, "hides_well")
    other = CheckpointManager(tmp_path / "other")
    save(other, 5)
    for path in (f"{four.name}/hides_well", str(four / "hides_well"), four / "hides_well"):
        assert other.open(path) == four / "checkpoint_000020"
        assert open_past_damage(other, path) == (four / "checkpoint_000020", [])
    with pytest.raises(NoUsableCheckpoint, match="did you mean 'hides_well'"):
        other.open(f"{four.name}/hides_wel")


@pytest.mark.slow
def test_another_machine_knows_the_names(
    remote: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = remote.manager(keep_last_n=0)
    for iteration in (10, 20, 30):
        save(first, iteration)
    first.label(20, "hides_well", NOTE)
    second_machine(monkeypatch, tmp_path / "second")
    second = remote.manager()
    assert labels_of(second) == {20: ("hides_well", NOTE)}
    address = remote.given.replace("?", "/hides_well?")
    assert second.open(address).name == "checkpoint_000020"
    assert CheckpointManager(tmp_path / "x").open(address).name == "checkpoint_000020"
    branch = branch_off(second, 10)
    assert labels_of(second) == {}
    assert json.loads(remote.read(f"{branch.name}/labels.json"))["labels"][0]["name"]


@everywhere_slowly
def test_names_touch_neither_checkpoints_nor_index(four: Path, manager: CheckpointManager) -> None:
    before = (four / layout.INDEX).read_bytes()
    manager.label(10, "hides_well", NOTE)
    assert labels_of(manager) == {10: ("hides_well", NOTE)}
    assert (four / layout.INDEX).read_bytes() == before
    manager.verify(four / "checkpoint_000010")


def test_a_note_keeps_no_credentials(four: Path, manager: CheckpointManager) -> None:
    manager.label(10, "good", "from s3://KEY:SECRET@bucket/runs")
    assert labels_of(manager) == {10: ("good", "from s3://***@bucket/runs")}
    assert b"SECRET" not in (four / layout.LABELS).read_bytes()


def test_names_go_along_with_checkpoints_that_are_set_aside(
    four: Path, manager: CheckpointManager
) -> None:
    manager.label(10, "stays")
    manager.label(30, "goes", NOTE)
    branch = branch_off(manager, 20)
    save(manager, 30)
    assert labels_of(manager) == {10: ("stays", "")}
    assert labels_of(CheckpointManager(branch)) == {30: ("goes", NOTE)}


def test_a_name_belongs_to_one_checkpoint_and_a_checkpoint_has_one(
    four: Path, manager: CheckpointManager
) -> None:
    manager.label(10, "good", NOTE)
    with pytest.raises(ValueError, match="'good' is the name of checkpoint_000010; --force"):
        manager.label(20, "good")
    assert labels_of(manager) == {10: ("good", NOTE)}
    manager.label(20, "good", move=True)
    assert labels_of(manager) == {20: ("good", "")}
    manager.label("good", "better", NOTE)
    manager.label("better", "best.1")
    assert labels_of(manager) == {20: ("best.1", NOTE)}


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a b", "a/b", "a\n", "ä", "x" * 41, "-x", ".x", "..", "~", "a:b", "\x1b[2J"),
        *("latest", "Best", "FINAL", "random", "q", "exit"),
        *("chaser", "Blocker"),
        *("50", "1.5", "1e5", "1_000", "nan", "inf"),
        *("checkpoint_000050", "checkpoint_best", "branch_after_x", "pins.json"),
    ],
)
def test_what_means_something_else_cannot_be_a_name(
    four: Path, manager: CheckpointManager, name: str
) -> None:
    manager.pin(10)
    with pytest.raises(ValueError, match="cannot be a name"):
        manager.label(10, name)
    assert not (four / layout.LABELS).exists()


def test_a_damaged_checkpoint_with_a_name_gives_way_to_an_older_one(
    four: Path, manager: CheckpointManager
) -> None:
    manager.label(30, "hides_well")
    (four / "checkpoint_000030" / "metadata.json").unlink()
    path, (aside,) = open_past_damage(manager, "hides_well")
    assert (path.name, aside.path.name) == ("checkpoint_000020", "checkpoint_000030")


def test_a_name_comes_before_a_folder_here(
    four: Path, manager: CheckpointManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manager.label(30, "good")
    (four / "checkpoint_000020").rename(tmp_path / "good")
    named, copy = four / "checkpoint_000030", tmp_path / "good"
    assert manager.open("good") == named
    assert open_past_damage(manager, "good") == (named, [])
    assert checkpoint_folder.find_to_resume("good", str(four), "").saved.path == named
    for path in ("./good", "good/", str(copy)):
        assert manager.open(path) == copy
        assert open_past_damage(manager, path) == (copy, [])
        assert checkpoint_folder.find_to_resume(path, str(four), "").saved.path == copy
    assert manager.open(copy) == copy
    (named / "metadata.json").unlink()
    older, (aside,) = open_past_damage(manager, "good")
    assert (older.name, aside.path.name) == ("checkpoint_000010", "checkpoint_000030")


def test_a_checkpoint_that_is_pruned_while_it_gets_a_name(
    call: Call, four: Path, manager: CheckpointManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def label(self: CheckpointManager, *words: Any, **options: Any) -> Path:
        shutil.rmtree(four / "checkpoint_000020")
        return four / "checkpoint_000020"

    monkeypatch.setattr(CheckpointManager, "label", label)
    code, _, err = call("tag", "20", "good")
    assert code == 3
    assert "checkpoint_000020 has been deleted meanwhile; did you mean 'checkpoint_0000" in err


def labels_with(**changes: Any) -> str:
    entry = {"iteration": 10, "name": "a", "note": ""} | changes
    return json.dumps({"format": 1, "labels": [entry]})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": 2, "labels": []}', "format 2 is unknown"),
        ('{"format": 1}', "'labels' is not a list"),
        ('{"format": 1, "labels": [3]}', "3 is no label"),
        (labels_with(iteration="10"), "10 is no iteration"),
        (labels_with(iteration=10**400), "1000000"),
        (labels_with(name=3), "the label of 10 is not a name and a note"),
        (labels_with(note=None), "the label of 10 is not a name and a note"),
        (labels_with(name="\x1b[2J"), "cannot be a name"),
        (labels_with(name="latest"), "cannot be a name"),
        (labels_with(note="\x1b]0;x\x07"), "a note is one line"),
        (labels_with(note="x" * 501), "a note is one line"),
        (labels_with().replace("}]", '}, {"iteration": 20, "name": "a", "note": ""}]'), "twice"),
        (labels_with().replace("}]", '}, {"iteration": 10, "name": "b", "note": ""}]'), "twice"),
    ],
)
def test_broken_names_are_told_and_nothing_is_lost(
    four: Path, manager: CheckpointManager, text: str, problem: str
) -> None:
    (four / layout.LABELS).write_text(text)
    listing = index.load(four)
    assert listing.iterations == [10, 20, 30, 40]
    ((name, reason),) = listing.skipped
    assert (name, problem in reason, reason.isprintable()) == ("labels.json", True, True)
    with pytest.raises(NoUsableCheckpoint, match=r"labels\.json is not readable"):
        manager.open("a")
    with pytest.raises(SidecarUnreadable, match="Nothing is deleted until it is corrected"):
        CheckpointManager(four, keep_last_n=1).prune()
    with pytest.raises(SidecarUnreadable):
        manager.label(10, "b")
    assert (four / layout.LABELS).read_text() == text


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "huge"])
def test_what_is_not_a_plain_file_is_not_read(
    four: Path, manager: CheckpointManager, tmp_path: Path, kind: str
) -> None:
    path = four / layout.LABELS
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "elsewhere").write_text(labels_with())
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    ((name, reason),) = manager.listing().skipped
    assert name == "labels.json"
    assert "not a plain file" in reason or "bytes, more than" in reason


@pytest.mark.parametrize("flags", [(), ("-d",), ("--lineage",)])
def test_lists_show_names(
    four: Path,
    manager: CheckpointManager,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[Any, ...],
) -> None:
    manager.label(20, "hides_well", NOTE)
    assert list_checkpoints.main([str(four), *flags]) == 0
    shown = capsys.readouterr().out
    assert "hides_well" in shown
    if not flags:
        assert "checkpoint_000020 [hides_well]" in shown
    assert (NOTE in shown) == (flags == ("-d",))


def test_names_in_json_and_in_the_list_of_the_demo(
    four: Path, manager: CheckpointManager, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.label(20, "hides_well", NOTE)
    assert list_checkpoints.main([str(four), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(item["name"], item["note"]) for item in listed] == [
        (None, None),
        ("hides_well", NOTE),
        (None, None),
        (None, None),
    ]
    (row,) = [row for row in checkpoint_rows(manager.listing(), Style()) if "hides_well" in row]
    assert row.split()[0] == "20"
    assert any("[hides_well = 20]" in line for line in lineage.draw(four))


def test_tag_and_untag(call: Call, four: Path, manager: CheckpointManager, place: Place) -> None:
    code, out, _ = call("tag", "20", "hides_well", "--note", NOTE)
    assert (code, out) == (
        0,
        "checkpoint_000020 is named hides_well; it is kept until it is untagged\n",
    )
    assert call("tag", "hides_well", "better")[1].startswith(
        "checkpoint_000020 is named better (was hides_well); "
    )
    code, out, err = call("tag", "30", "better")
    assert (code, out) == (2, "")
    assert err == (
        "error: 'better' is the name of checkpoint_000020; --force gives it to another one\n"
    )
    code, out, _ = call("tag", "30", "better", "--force", "--json")
    assert json.loads(out) == {"tagged": "checkpoint_000030", "name": "better", "note": ""}
    Path("worse").touch()
    assert call("tag", "30", "worse")[0] == 2
    assert call("tag", "35", "worst")[0] == 3
    _, out, _ = call("prune", "--keep-last-n", "1", "--dry-run", "--json")
    kept = {item["iteration"]: item["reasons"] for item in json.loads(out)["kept"]}
    assert kept[30] == ["named"]
    assert call("untag", "better", "10")[:2] == (
        0,
        "untagged: checkpoint_000030\ncheckpoint_000010 has no name\n",
    )
    call("pin", "10")
    assert json.loads(call("untag", "10", "--json")[1]) == {"untagged": []}
    assert call("untag", "10")[1] == (
        "checkpoint_000010 has no name\ncheckpoint_000010 stays pinned; `unpin` takes that away\n"
    )
    place.change("labels.json", b"{")
    code, _, err = call("tag", "30", "good")
    assert (code, "labels.json is not readable" in err) == (1, True)


@everywhere_slowly
def test_repair_forgets_names_of_nothing_and_moves_aside_what_makes_no_sense(
    call: Call, four: Path, place: Place
) -> None:
    labels.give(four, 15, "lost")
    place.change("labels.json", (four / "labels.json").read_bytes())
    code, out, _ = call("repair")
    assert (code, "forgot the name lost of 15: there is no such checkpoint" in out) == (0, True)
    place.change("labels.json", b"{")
    code, out, _ = call("repair")
    assert (code, "moved to broken_labels_" in out) == (0, True)
    assert call("tag", "10", "good")[0] == 0


NAMER = """
import os, sys
from trainer.checkpoints import labels
from pathlib import Path
os.fsync = os.fstat
for iteration in range(int(sys.argv[2]), 60, 3):
    labels.give(Path(sys.argv[1]), iteration, f"name_{iteration}")
"""


def test_no_name_is_lost_when_several_processes_give_them(four: Path) -> None:
    command = [sys.executable, "-c", NAMER, str(four)]
    running = [subprocess.Popen([*command, str(first)], cwd=ROOT) for first in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert labels.LABELS.read(four) == {i: Label(f"name_{i}") for i in range(60)}
