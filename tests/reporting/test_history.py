"""The history on disk: exact, strict JSON, and whole after any crash."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from tests.reporting.rows import make_row, read_export, refuse
from trainer.reporting.history import metrics_history
from trainer.reporting.history.metrics_history import DamagedHistoryError, MetricsHistory
from trainer.reporting.history.rows import read_rows
from trainer.reporting.metrics import Row


def same(a: list[Row], b: list[Row]) -> bool:
    """Equal values and types, where nan equals nan."""
    return repr(a) == repr(b)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "metrics_history.jsonl"


def filled(path: Path, count: int) -> MetricsHistory:
    history = MetricsHistory(path)
    for i in range(1, count + 1):
        history.append(make_row(i))
    return history


def test_rows_come_back_exactly_and_before_the_file_is_closed(path: Path) -> None:
    rows = [make_row(i) for i in range(1, 6)]
    history = filled(path, 5)

    assert same(read_rows(path), rows)  # as another process sees them, now
    assert same(read_rows(MetricsHistory(path).path), rows)
    assert type(read_rows(history.path)[0]["env_steps"]) is int
    assert math.isnan(read_rows(history.path)[0]["seeker/vf_explained_var"])


def test_each_line_is_strict_json_with_null_for_what_is_not_finite(path: Path) -> None:
    history = MetricsHistory(path)
    history.append({"iteration": np.int64(1), "a": np.float32(0.5), "b": math.inf, "c": math.nan})

    line = path.read_text()
    assert json.loads(line, parse_constant=refuse) == {
        "iteration": 1,
        "a": 0.5,
        "b": None,
        "c": None,
    }
    assert same(read_rows(history.path), [{"iteration": 1, "a": 0.5, "b": math.nan, "c": math.nan}])


def test_columns_hold_nan_where_a_row_lacks_the_figure(path: Path) -> None:
    history = MetricsHistory(path)
    history.append({"iteration": 1, "old": 1.0})
    history.append({"iteration": 2, "new": 2.0})

    columns = history.columns()
    np.testing.assert_array_equal(columns["iteration"], [1, 2])
    np.testing.assert_array_equal(columns["old"], [1, np.nan])
    np.testing.assert_array_equal(columns["new"], [np.nan, 2])


def test_a_row_cut_anywhere_costs_no_other_row(path: Path) -> None:
    filled(path, 3).close()
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    rows = [make_row(i) for i in range(1, 5)]

    for cut in [*range(last, len(whole) - 3, 29), *range(len(whole) - 3, len(whole))]:
        path.write_bytes(whole[:cut])
        kept = 3 if cut == len(whole) - 1 else 2  # only the line break is missing
        assert same(read_rows(path), rows[:kept])
        with closing(MetricsHistory(path)) as history:
            assert bool(history.repaired) == (last < cut < len(whole) - 1)
            assert history.last_iteration == kept
            for row in rows[kept:]:
                history.append(row)
        assert same(read_rows(path), rows)


def test_zeros_left_by_a_power_cut_are_a_cut_row(path: Path) -> None:
    filled(path, 2).close()
    with path.open("ab") as file:
        file.write(b"\0" * 4096)

    assert same(read_rows(MetricsHistory(path).path), [make_row(1), make_row(2)])
    assert b"\0" not in path.read_bytes()


def test_damage_before_the_end_is_named_and_nothing_is_cut(path: Path) -> None:
    filled(path, 3).close()
    damaged = path.read_bytes().replace(b'{"iteration": 2', b'{"iteration": x', 1)
    path.write_bytes(damaged)

    with pytest.raises(DamagedHistoryError, match=r"metrics_history\.jsonl, line 2"):
        MetricsHistory(path)
    with pytest.raises(ValueError, match="line 2"):
        read_rows(path)
    assert path.read_bytes() == damaged


def test_two_runs_in_one_file_are_refused(path: Path) -> None:
    filled(path, 2).close()
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ValueError, match="iteration 1 follows 2"):
        MetricsHistory(path)


@pytest.mark.parametrize("iteration", [0, 2, 3])
def test_a_row_must_be_newer_than_the_last(path: Path, iteration: int) -> None:
    history = filled(path, 3)
    with pytest.raises(ValueError, match="truncate_after"):
        history.append(make_row(iteration))
    assert len(read_rows(path)) == 3


def test_what_is_not_a_number_is_refused_by_name(path: Path) -> None:
    history = MetricsHistory(path)
    with pytest.raises(TypeError, match=r"'time/total_s'.*str '12'"):
        history.append({"iteration": 1, "time/total_s": "12"})
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_whole_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = filled(path, 2)
    real = history._file

    class Full:
        def write(self, data: bytes) -> int:
            return real.write(data[:50])

        def truncate(self, size: int) -> int:
            return real.truncate(size)

        def fileno(self) -> int:
            return real.fileno()

    monkeypatch.setattr(history, "_file", Full())
    with pytest.raises(OSError, match="disk is full"):
        history.append(make_row(3))
    monkeypatch.undo()

    history.append(make_row(4))
    assert [row["iteration"] for row in read_rows(path)] == [1, 2, 4]


def test_truncation_sets_the_later_rows_aside(path: Path) -> None:
    history = filled(path, 5)
    lines = path.read_bytes().splitlines(keepends=True)

    aside = history.truncate_after(3)

    assert aside == path.with_name("metrics_history_superseded_after_000003.jsonl")
    assert aside.read_bytes() == b"".join(lines[3:])
    assert path.read_bytes() == b"".join(lines[:3])
    assert history.columns()["iteration"].tolist() == [1, 2, 3]
    history.append({"iteration": 4, "env_steps": 7})
    newest: Row = {"iteration": 4, "env_steps": 7}
    assert same(read_rows(MetricsHistory(path).path), [*map(make_row, (1, 2, 3)), newest])

    second = history.truncate_after(3)
    assert second is not None
    assert second != aside
    assert read_rows(second) == [{"iteration": 4, "env_steps": 7}]
    assert aside.read_bytes() == b"".join(lines[3:])


def test_truncation_to_the_end_does_nothing_and_to_zero_leaves_nothing(path: Path) -> None:
    history = filled(path, 3)
    assert history.truncate_after(3) is None
    assert list(path.parent.iterdir()) == [path]

    aside = history.truncate_after(0)
    assert aside is not None
    assert len(read_rows(aside)) == 3
    assert (len(history), history.last_iteration, path.read_bytes()) == (0, 0, b"")


def test_a_crash_while_truncating_loses_and_doubles_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = filled(path, 5)
    before = path.read_bytes()
    real = metrics_history._replace

    def crash(target: Path, chunks: Iterable[bytes]) -> None:
        if target == path:
            raise KeyboardInterrupt
        real(target, chunks)

    monkeypatch.setattr(metrics_history, "_replace", crash)
    with pytest.raises(KeyboardInterrupt):
        history.truncate_after(2)
    assert path.read_bytes() == before
    monkeypatch.undo()

    again = MetricsHistory(path)
    aside = again.truncate_after(2)
    assert set(path.parent.iterdir()) == {path, aside}
    assert len(again) == 2


def test_the_export_is_a_table_for_pandas(path: Path, tmp_path: Path) -> None:
    history = filled(path, 4)
    export = history.export(tmp_path / "metrics_iter_3.json", 3)

    rows = [make_row(i) for i in (1, 2, 3)]
    pd.testing.assert_frame_equal(pd.read_json(export), pd.DataFrame(rows), check_dtype=False)
    assert json.loads(export.read_bytes(), parse_constant=refuse)[2]["iteration"] == 3
    assert same(read_export(export), rows)


def test_the_history_outlives_a_move_of_its_folder(path: Path, tmp_path: Path) -> None:
    history = filled(path, 2)
    path.parent.rename(tmp_path / "experiment 1")
    history.append(make_row(3))

    assert len(read_rows(tmp_path / "experiment 1" / path.name)) == 3
    assert len(read_export(history.export(tmp_path / "metrics_iter_3.json", 3))) == 3


def test_an_empty_history_exports_an_empty_list(path: Path, tmp_path: Path) -> None:
    export = MetricsHistory(path).export(tmp_path / "metrics_iter_0.json", 0)
    assert read_export(export) == []


def test_columns_stand_in_the_order_of_the_row(tmp_path: Path) -> None:
    keys = ["iteration", *(f"figure {i}" for i in range(40))]
    with closing(MetricsHistory(tmp_path / "history.jsonl")) as history:
        history.append(dict.fromkeys(keys, 1))
        assert list(history.columns()) == keys
