"""The history of a run that goes on: whatever became of the file, no row that exists is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reporting.rows import make_row
from trainer.reporting.history.metrics_history import MetricsHistory
from trainer.reporting.history.recovery import open_history
from trainer.reporting.history.rows import gaps, read_rows

N = 5
Damage = Callable[[list[bytes]], bytes]


def row_of(iteration: int, **figures: object) -> bytes:
    return json.dumps({"iteration": iteration, **figures}).encode() + b"\n"


DAMAGES: dict[str, Damage] = {
    "rows that are none at the end": lambda r: b"".join(r) + b'garbage\n{"x"\n[1]\nnope\n',
    "one of them without line break": lambda r: b"".join(r) + b"not even the beginning of a row",
    "a row that is none in the middle": lambda r: b"".join([*r[:2], b"?\n", *r[3:]]),
    "an empty line": lambda r: b"".join([*r[:2], b"\n", *r[2:]]),
    "rows missing at the end": lambda r: b"".join(r[:3]),
    "rows missing in the middle": lambda r: b"".join([r[0], *r[3:]]),
    "rows missing at the beginning": lambda r: b"".join(r[2:]),
    "rows twice": lambda r: b"".join(r * 2),
    "rows in another order": lambda r: b"".join(reversed(r)),
    "nested too deeply": lambda r: b"[" * 50_000 + b"\n" + b"".join(r),
    "a number of 400 digits": lambda r: b"".join([*r[:2], row_of(3, a=10**400), *r[3:]]),
    "a number of 5,000 digits": lambda r: b'{"iteration": 1' + b"0" * 5000 + b"}\n" + b"".join(r),
    "an infinite number": lambda r: b'{"iteration": 1, "a": 1e999}\n' + b"".join(r),
    "an iteration that is true": lambda r: b'{"iteration": true}\n' + b"".join(r),
    "a huge iteration": lambda r: row_of(2**70) + b"".join(r),
    "no UTF-8": lambda r: b"".join([r[0], b'{"iteration": 2, "\xff\xfe": 1}\n', *r[2:]]),
    "UTF-16": lambda r: b"".join(r).decode().encode("utf-16"),
    "a line of a megabyte": lambda r: b"x" * 2**20 + b"\n" + b"".join(r),
    "another program's file": lambda r: b"Dear diary,\ntoday I trained a hider.\n",
    "zeros": lambda r: bytes(2**18),
    "nothing": lambda r: b"",
    "another run's rows": lambda r: b"".join(row_of(i, env_steps=7 * i) for i in range(1, N + 1)),
}


class Folder:
    """A checkpoint folder with the history and the export of a run of `N` iterations."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.told = directory, list[str]()
        self.path = directory / "metrics_history.jsonl"
        self.export = directory / f"metrics_iter_{N}.json"
        with closing(MetricsHistory(self.path)) as history:
            for i in range(1, N + 1):
                history.append(make_row(i))
            history.export(self.export, N)
        self.whole = self.path.read_bytes()

    def open(self, iteration: int = N) -> MetricsHistory:
        steps = int(make_row(iteration)["env_steps"])
        told = self.told.append
        history = open_history(self.directory, iteration, steps, self.export, told)
        history.append(make_row(iteration + 1))  # it can be gone on with
        history.close()
        return history

    @property
    def iterations(self) -> list[int]:
        return [int(row["iteration"]) for row in read_rows(self.path)]

    def aside(self) -> Path:
        (found,) = self.directory.glob("metrics_history_damaged*")
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "checkpoints")


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_history_is_kept_and_the_export_takes_its_place(
    folder: Folder, name: str
) -> None:
    damaged = DAMAGES[name](folder.whole.splitlines(keepends=True))
    folder.path.write_bytes(damaged)

    folder.open()

    assert folder.path.read_bytes().startswith(folder.whole)
    assert folder.iterations == [1, 2, 3, 4, 5, 6]
    assert folder.aside().read_bytes() == damaged
    (message,) = folder.told
    assert "metrics_history.jsonl" in message
    assert f"it is now {folder.aside().name}, and metrics_iter_5.json took its place" in message
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize("name", DAMAGES)
def test_without_an_export_the_rows_that_can_be_read_are_saved(folder: Folder, name: str) -> None:
    rows = folder.whole.splitlines(keepends=True)
    damaged = DAMAGES[name](rows)
    folder.path.write_bytes(damaged)
    folder.export.unlink()

    folder.open()

    survivors = [i for i in range(1, N + 1) if rows[i - 1] in damaged]
    assert folder.iterations == [*survivors, 6]
    kept = [p.read_bytes() for p in folder.directory.glob("metrics_history*")]
    assert damaged in kept or kept[0].startswith(damaged)  # rows that lack are no damage
    (message,) = folder.told
    missing = gaps_by_hand(survivors)
    assert (f"iterations missing: {missing}" in message) == bool(missing)


def gaps_by_hand(there: list[int]) -> str:
    runs: list[list[int]] = []
    for i in sorted(set(range(1, N + 1)) - set(there)):
        if runs and runs[-1][-1] == i - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_bytes_anywhere_cost_no_row(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = Folder(tmp_path_factory.mktemp("any") / "checkpoints")
    start = data.draw(st.integers(0, len(folder.whole)))
    stop = data.draw(st.integers(start, len(folder.whole)))
    damaged = folder.whole[:start] + data.draw(st.binary(max_size=40)) + folder.whole[stop:]
    folder.path.write_bytes(damaged)

    folder.open()

    assert len(folder.told) <= 1
    assert folder.iterations == [1, 2, 3, 4, 5, 6]
    if damaged[: len(folder.whole)] != folder.whole and folder.told:
        assert "cut off a half-written row" in folder.told[0] or folder.aside()


def test_a_half_written_row_alone_is_cut_off(folder: Folder) -> None:
    folder.path.write_bytes(folder.whole + b'{"iteration": 6, "env_st')
    folder.open()
    assert folder.told == ["metrics_history.jsonl: cut off a half-written row (24 bytes)"]
    assert list(folder.directory.glob("*damaged*")) == []
    assert folder.iterations == [1, 2, 3, 4, 5, 6]


def test_later_rows_are_set_aside_as_ever_and_a_whole_history_is_no_news(folder: Folder) -> None:
    folder.open(3)
    assert folder.told == []
    assert folder.iterations == [1, 2, 3, 4]
    aside = folder.directory / "metrics_history_superseded_after_000003.jsonl"
    assert [row["iteration"] for row in read_rows(aside)] == [4, 5]


def test_a_new_run_begins_an_empty_history(folder: Folder) -> None:
    folder.path.write_bytes(b"Dear diary\n")
    folder.open(0)
    assert folder.iterations == [1]
    assert folder.aside().read_bytes() == b"Dear diary\n"


def test_an_export_that_is_damaged_too_gives_what_it_has(folder: Folder) -> None:
    lines = folder.export.read_bytes().splitlines(keepends=True)
    folder.export.write_bytes(b"".join([*lines[:2], b"?\n", *lines[3:]]))
    folder.path.write_bytes(b"?")
    folder.open()
    assert folder.iterations == [1, 3, 4, 5, 6]
    assert "iterations missing: 2" in folder.told[0]


@pytest.mark.parametrize("kind", ["link", "dangling link", "endless link", "pipe", "folder"])
def test_only_a_plain_file_is_opened(folder: Folder, tmp_path: Path, kind: str) -> None:
    folder.path.unlink()
    own = tmp_path / "the user's own"
    own.write_bytes(folder.whole)
    if "link" in kind:
        target = {"link": own, "endless link": Path("/dev/zero")}.get(kind, tmp_path / "nothing")
        folder.path.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(folder.path)
    else:
        folder.path.mkdir()

    folder.open()

    assert folder.iterations == [1, 2, 3, 4, 5, 6]
    assert own.read_bytes() == folder.whole
    assert not (tmp_path / "nothing").exists()
    assert os.path.lexists(folder.aside())
    assert "is not a plain file" in folder.told[0]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_an_export_that_is_no_plain_file_is_not_opened(
    folder: Folder, tmp_path: Path, kind: str
) -> None:
    folder.export.unlink()
    if kind == "link":
        other = tmp_path / "other.json"
        other.write_bytes(b"[\n" + b",\n".join(folder.whole.splitlines()) + b"\n]\n")
        folder.export.symlink_to(other)
    else:
        os.mkfifo(folder.export)
    folder.path.write_bytes(folder.whole[:-300] + b"?\n")
    folder.open()
    assert folder.iterations == [1, 2, 3, 4, 6]
    assert "; metrics_iter_5.json is not a plain file" in folder.told[0]


def test_a_file_that_has_another_name_elsewhere_is_not_written_through_it(
    folder: Folder, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.jsonl"
    os.link(folder.path, backup)
    folder.open()
    assert backup.read_bytes() == folder.whole
    assert folder.iterations == [1, 2, 3, 4, 5, 6]
    assert folder.told == []


@pytest.mark.parametrize("step", ["before the move", "after the move"])
def test_a_crash_in_the_exchange_loses_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    damaged = b"?\n" + folder.whole
    folder.path.write_bytes(damaged)
    folder.export.unlink()

    def crash(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link" if step == "before the move" else "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            folder.open()
    assert folder.path.read_bytes() == damaged

    folder.open()
    assert folder.iterations == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["keys", "rows", "brackets"])
def test_memory_is_bounded_by_what_lies_on_the_disk(folder: Folder, name: str) -> None:
    """A few megabytes that could fill many times that, such as new figures in every row."""
    with folder.path.open("wb") as file:
        for i in range(1, 20_000):
            keys = {f"{i} {k}": 0 for k in range(40)} if name == "keys" else {}
            file.write(b"[" * 200 if name == "brackets" else row_of(i, **keys))
    folder.export.unlink()
    code = (
        "import sys, resource\nfrom pathlib import Path\n"
        "from trainer.reporting.history.recovery import open_history\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "open_history(Path(sys.argv[1]), 5, 1, None, print)\n"
        "print((peak() - before) // 1024, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, str(folder.directory)]
    limit = (2**31, 2**31)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr) < 100  # megabytes
    assert "damaged" in done.stdout


def test_gaps_are_said_in_ranges() -> None:
    import numpy as np

    assert gaps(np.array([1, 2, 3]), 3) == ""
    assert gaps(np.array([], np.int64), 0) == ""
    assert gaps(np.array([], np.int64), 40) == "1-40"
    assert gaps(np.array([1, 3, 7, 9]), 8) == "2, 4-6, 8"
    assert gaps(np.arange(1, 40, 2), 40) == "2, 4, 6, 8, 10, ..."


# What happens to the file while a run writes to it.


@pytest.fixture
def running(folder: Folder) -> MetricsHistory:
    steps = int(make_row(N)["env_steps"])
    return open_history(folder.directory, N, steps, None, folder.told.append)


@pytest.mark.parametrize("way", ["deleted", "renamed", "replaced", "emptied", "appended", "link"])
def test_a_file_taken_away_under_the_run_is_written_again(
    folder: Folder, running: MetricsHistory, tmp_path: Path, way: str
) -> None:
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_bytes(b"theirs\n")
    if way == "deleted":
        folder.path.unlink()
    elif way == "renamed":
        folder.path.rename(folder.directory / "renamed.jsonl")
    elif way == "replaced":
        theirs.replace(folder.path)
    elif way == "emptied":
        os.truncate(folder.path, 0)
    elif way == "appended":
        with folder.path.open("ab") as file:
            file.write(b"theirs\n")
    else:
        folder.path.unlink()
        folder.path.symlink_to(theirs)

    running.append(make_row(6))
    running.append(make_row(7))

    assert folder.iterations == [1, 2, 3, 4, 5, 6, 7]
    assert folder.path.read_bytes().startswith(folder.whole)
    assert repr(read_rows(running.path)) == repr([make_row(i) for i in range(1, 8)])
    (message,) = folder.told
    assert "metrics_history.jsonl was changed or taken away; it has been written again" in message
    asides = list(folder.directory.glob("*_replaced*"))
    assert len(asides) == (way not in ("deleted", "renamed"))
    assert all(aside.name in message for aside in asides)
    assert way != "link" or theirs.read_bytes() == b"theirs\n"


def test_an_editor_that_saves_the_same_rows_is_no_news(
    folder: Folder, running: MetricsHistory
) -> None:
    copy = folder.path.with_suffix(".tmp")
    copy.write_bytes(folder.path.read_bytes())
    copy.replace(folder.path)
    running.append(make_row(6))
    assert folder.told == []
    assert folder.iterations == [1, 2, 3, 4, 5, 6]


def test_a_moved_folder_takes_its_history_along_and_that_is_said_once(
    folder: Folder, running: MetricsHistory, tmp_path: Path
) -> None:
    folder.directory.rename(tmp_path / "moved")
    folder.directory.mkdir()  # as the next save would
    running.append(make_row(6))
    running.append(make_row(7))
    assert len(read_rows(tmp_path / "moved" / folder.path.name)) == 7
    assert list(folder.directory.iterdir()) == []
    (message,) = folder.told
    assert message.startswith(f"{folder.path} was moved away; ")


def test_rows_are_not_written_into_a_deleted_folder(
    folder: Folder, running: MetricsHistory
) -> None:
    shutil.rmtree(folder.directory)
    with pytest.raises(OSError, match=r"deleted, with its folder: '.*metrics_history\.jsonl'"):
        running.append(make_row(6))
    assert running.last_iteration == 5
