"""A run knows its rows again by what its checkpoint recorded, and takes no others for them."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reporting.rows import make_row, read_export
from trainer.reporting.history.metrics_history import MetricsHistory
from trainer.reporting.history.record import HistoryRecord, RowsDigest
from trainer.reporting.history.recovery import open_history
from trainer.reporting.history.rows import read_rows
from trainer.reporting.metrics import Row
from trainer.reporting.retrying_writer import RetryingWriter

N = 4
FIGURES = st.one_of(st.floats(), st.floats(width=32), st.integers(-(2**60), 2**60), st.just(-0.0))
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b/c", "ä", "time/s"]), FIGURES), max_size=5)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_rows=ROWS)
def test_rows_have_one_digest_wherever_they_are(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[dict[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "metrics_history.jsonl"
    rows: list[Row] = [{"iteration": i, **row} for i, row in enumerate(given_rows, start=1)]
    running = RowsDigest()
    with closing(MetricsHistory(path)) as history:
        for row in rows:
            running.add(row)
            history.append(row)
        exported = history.export(path.with_name("export.json"), len(rows))
        found = [read_rows(history.path), read_export(exported), list(history.rows(len(rows)))]
        path.write_bytes(b"")  # the next row writes all of them again, from memory
        history.append({"iteration": len(rows) + 1})
    found.append(read_rows(path)[:-1])
    with closing(MetricsHistory(path)) as again:
        found.append(list(again.rows(len(rows))))
    expected = running.record()
    assert expected.rows == len(rows)
    assert [RowsDigest(each).record() for each in found] == [expected] * 5


@given(rows=ROWS.filter(lambda rows: any(rows)), data=st.data())
def test_any_change_of_a_figure_changes_the_digest(
    rows: list[dict[str, float]], data: st.DataObject
) -> None:
    i = data.draw(st.sampled_from([i for i, row in enumerate(rows) if row]))
    key = data.draw(st.sampled_from(sorted(rows[i])))
    before, after = float(rows[i][key]), data.draw(st.floats())
    changed = [{**row, key: after} if j == i else row for j, row in enumerate(rows)]
    same = repr(before) == repr(after) or not (math.isfinite(before) or math.isfinite(after))
    assert (RowsDigest(rows).record() == RowsDigest(changed).record()) == same


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = RowsDigest([make_row(1)]).record()
    record.write(tmp_path / "history.json")
    assert HistoryRecord.read(tmp_path / "history.json") == record
    assert HistoryRecord.read(tmp_path / "none.json") is None


@dataclass
class Run:
    """A run that saves: its folder, and the checkpoints' records by iteration."""

    directory: Path
    told: list[str] = field(default_factory=list)
    records: dict[int, HistoryRecord] = field(default_factory=dict)
    lives: int = 0

    def __post_init__(self) -> None:
        self.path = self.directory / "metrics_history.jsonl"
        self.go_on(0)

    def export_of(self, iteration: int) -> Path:
        return self.directory / f"metrics_iter_{iteration}.json"

    def go_on(self, iteration: int, *, is_mirror: bool = False) -> None:
        self.lives += 1
        self.records = {i: record for i, record in self.records.items() if i <= iteration}
        self.history = open_history(
            self.directory,
            iteration,
            1000 * iteration,
            self.export_of(iteration) if iteration else None,
            self.told.append,
            record=self.records.get(iteration),
            is_mirror=is_mirror,
        )
        self.digest = RowsDigest(self.history.rows(len(self.history)))
        self.full = False
        self.rows = RetryingWriter("the history", self._write, lambda message: None)
        self.iteration = iteration

    def _write(self, row: Row) -> None:
        if self.full:
            raise OSError("the disk is full")
        self.history.append(row)

    def train(self, count: int, *, full: bool = False) -> None:
        for _ in range(count):
            self.full = full
            self.iteration += 1
            row = {**make_row(self.iteration), "time/total_s": float(self.lives)}
            self.digest.add(row)
            self.rows.write(row)

    def save(self, *, flush: bool = True) -> None:
        self.full = not flush
        self.rows.flush()
        self.records[self.iteration] = self.digest.record()
        self.history.export(self.export_of(self.iteration), self.iteration)

    def known(self) -> list[Row]:
        return read_rows(self.path)


@pytest.fixture
def saved(tmp_path: Path) -> Run:
    """A run of `N` iterations, saved, with one more row."""
    run = Run(tmp_path / "checkpoints")
    run.train(N)
    run.save()
    run.train(1)
    return run


def altered(rows: list[Row], *, all_rows: bool) -> list[Row]:
    changed = {"hider/entropy": 99.0}
    return [{**row, **(changed if all_rows or i == 0 else {})} for i, row in enumerate(rows)]


def write_export(path: Path, rows: list[Row]) -> None:
    text = ",\n".join(json.dumps({k: None if v != v else v for k, v in r.items()}) for r in rows)
    path.write_text(f"[\n{text}\n]\n")


def write_history(path: Path, rows: list[Row]) -> None:
    path.unlink()
    with closing(MetricsHistory(path)) as history:
        for row in rows:
            history.append(row)


@pytest.mark.parametrize("has_record", [True, False])
@pytest.mark.parametrize("all_rows", [True, False])
def test_other_rows_give_way_to_the_export(saved: Run, all_rows: bool, has_record: bool) -> None:
    before = saved.known()
    write_history(saved.path, altered(before, all_rows=all_rows))
    content = saved.path.read_bytes()
    if not has_record:
        saved.records.clear()
    saved.go_on(N)
    assert repr(saved.known()) == repr(before[:N])
    assert (saved.directory / "metrics_history_damaged.jsonl").read_bytes() == content
    assert saved.told == [
        "metrics_history.jsonl is not the history that iteration 4 was saved with: rows were "
        "changed, or are another run's; it is now metrics_history_damaged.jsonl, and "
        "metrics_iter_4.json took its place"
    ]


@pytest.mark.parametrize("is_mirror", [True, False])
def test_an_altered_export_does_no_harm(saved: Run, is_mirror: bool) -> None:
    before = saved.known()
    write_export(saved.export_of(N), altered(before[:N], all_rows=False))
    saved.go_on(N, is_mirror=is_mirror)
    assert repr(saved.known()) == repr(before[:N])
    assert saved.told == []


def test_of_a_damaged_history_and_an_altered_export_the_right_rows_are_taken(saved: Run) -> None:
    before = saved.known()
    write_export(saved.export_of(N), altered(before[:N], all_rows=False))
    saved.path.write_bytes(saved.path.read_bytes() + b"garbage\n")
    saved.go_on(N)
    assert repr(saved.known()) == repr(before[:N])
    assert f"the {N} rows read from it took its place" in saved.told[0]


@pytest.mark.parametrize("export", ["missing", "altered"])
def test_altered_rows_that_nothing_can_replace_are_kept_and_told_of(
    saved: Run, export: str
) -> None:
    wrong = altered(saved.known(), all_rows=False)
    write_history(saved.path, wrong)
    saved.export_of(N).unlink()
    if export == "altered":
        write_export(saved.export_of(N), altered(wrong[:N], all_rows=True))
    saved.go_on(N)
    assert repr(saved.known()) == repr(wrong[:N])
    assert len(saved.told) == 1
    assert "is not the history that iteration 4 was saved with" in saved.told[0]
    assert "it is kept, as no export beside the checkpoint has those rows" in saved.told[0]
    saved.train(1)
    saved.save()
    saved.go_on(N + 1)  # said once
    assert len(saved.told) == 1


def test_an_altered_export_alone_is_taken_and_told_of(saved: Run) -> None:
    wrong = altered(saved.known(), all_rows=False)[:N]
    saved.path.unlink()
    write_export(saved.export_of(N), wrong)
    saved.go_on(N)
    assert repr(saved.known()) == repr(wrong)
    (told,) = saved.told
    assert told.startswith("metrics_iter_4.json is not the history that iteration 4 was saved")


STEPS = (
    *("train", "full disk", "save", "save behind a full disk", "resume", "resume from an older"),
    *("lose the history", "lose the exports", "empty the file", "rewrite the file", "mirror"),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.sampled_from(STEPS), max_size=14), data=st.data())
def test_a_run_never_takes_its_own_rows_for_others(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], data: st.DataObject
) -> None:
    run = Run(tmp_path_factory.mktemp("run") / "checkpoints")
    for step in steps:
        take(run, step, data)
    assert [told for told in run.told if "another run's" in told] == []
    assert list(run.directory.glob("*_damaged*")) == [] or any("missing" in t for t in run.told)


def take(run: Run, step: str, data: st.DataObject) -> None:
    if step in ("train", "full disk"):
        run.train(2, full=step == "full disk")
    elif step.startswith("save"):
        if run.iteration not in run.records and run.iteration > 0:
            run.save(flush=step == "save")
    elif step == "lose the exports":
        for path in run.directory.glob("metrics_iter_*"):
            path.unlink()
    elif step == "empty the file":  # under the run, that writes it again
        run.path.write_bytes(b"")
        run.train(1)
    elif step == "lose the history":
        run.path.unlink()
        run.go_on(max(run.records, default=0))
    else:
        if step == "rewrite the file":
            write_history(run.path, run.known())
        older = step == "resume from an older" and run.records
        to = data.draw(st.sampled_from(sorted(run.records))) if older else max(run.records or [0])
        run.go_on(to, is_mirror=step == "mirror")
