import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.checkpoints.fakes import names
from trainer.checkpoints import atomic, process_owner


@pytest.fixture
def dead_writer() -> int:
    """A process number nobody has any more."""
    child = subprocess.run(
        [sys.executable, "-S", "-c", "import os; print(os.getpid())"],
        capture_output=True,
        check=True,
        text=True,
    )
    return int(child.stdout)


def temporary(pid: int, start: int, *, host: str | None = None, kind: str = "tmp") -> str:
    return f".{kind}-{host or process_owner.machine()}.{pid}.{start}.0-checkpoint_000010"


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "index.json"
    atomic.write_text(target, "old")
    replacing = atomic.replacing(target)
    with pytest.raises(ZeroDivisionError), replacing as path:
        raise ZeroDivisionError(path.write_text("half"))
    assert target.read_text() == "old"
    atomic.write_text(target, "new ü")
    assert target.read_text(encoding="utf-8") == "new ü"
    assert names(tmp_path) == ["index.json"]


def test_a_temporary_keeps_the_suffix_and_hides_from_the_guides_glob(tmp_path: Path) -> None:
    path = atomic.temporary_sibling(tmp_path / "checkpoint_1.png")
    assert path.suffix == ".png"
    assert path.name.startswith(".tmp-")
    assert path != atomic.temporary_sibling(tmp_path / "checkpoint_1.png")


def test_everything_is_flushed_before_and_the_parent_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        events.append(
            "fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file"
        )
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        events.append("replace")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    atomic.write_text(tmp_path / "x", "text")
    assert events == ["fsync file", "replace", "fsync folder"]


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(
    tmp_path: Path, dead_writer: int
) -> None:
    me, mine = os.getpid(), process_owner.start_time(os.getpid())
    gone = [
        temporary(dead_writer, 5),
        temporary(dead_writer, 5, kind="trash"),
        temporary(me, mine + 1),  # my number, but another process had it then
    ]
    stay = [
        temporary(me, mine),
        temporary(dead_writer, 5, host="elsewhere"),
        temporary(dead_writer, 5).removeprefix("."),
        f".tmp-{dead_writer}-checkpoint_000010",
        ".tmp-notes",
        "tmp",
    ]
    for name in gone + stay:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    linked = tmp_path / temporary(dead_writer, 6)
    linked.symlink_to(tmp_path / "tmp")
    assert sorted(path.name for path in atomic.remove_stale(tmp_path)) == sorted(gone)
    assert names(tmp_path) == sorted([*stay, linked.name])
    assert (tmp_path / "tmp" / "file").exists()


def test_a_dead_writers_file_goes_too(tmp_path: Path, dead_writer: int) -> None:
    (tmp_path / temporary(dead_writer, 5)).touch()
    assert len(atomic.remove_stale(tmp_path)) == 1
    assert names(tmp_path) == []


def test_leftovers_from_elsewhere_go_after_a_day(tmp_path: Path, dead_writer: int) -> None:
    old, new = (tmp_path / temporary(dead_writer, n, host="elsewhere") for n in (1, 2))
    for path, hours in ((old, 25), (new, 23)):
        path.mkdir()
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    assert atomic.remove_stale(tmp_path) == [old]
    assert names(tmp_path) == [new.name]


def test_a_missing_folder_has_no_leftovers(tmp_path: Path) -> None:
    assert atomic.remove_stale(tmp_path / "nothing") == []


@pytest.mark.parametrize("there", ["folder", "file"])
def test_a_rename_does_not_replace(tmp_path: Path, there: str) -> None:
    (tmp_path / "a").mkdir()
    target = tmp_path / "b"
    target.mkdir() if there == "folder" else target.touch()
    with pytest.raises(FileExistsError):
        atomic.rename_folder(tmp_path / "a", target)
    assert names(tmp_path) == ["a", "b"]


def test_a_deleted_folder_loses_its_name_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoint_000010").mkdir()

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        atomic.remove_tree(tmp_path / "checkpoint_000010")
    (name,) = names(tmp_path)
    assert name.startswith(".trash-")
