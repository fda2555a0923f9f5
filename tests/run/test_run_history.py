"""The history of a run: rows that wait, and the record that checkpoints keep."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.reporting.rows import make_row
from trainer.checkpoints.manager import CheckpointManager
from trainer.reporting.history.metrics_history import MetricsHistory
from trainer.reporting.history.record import RowsDigest
from trainer.reporting.metrics import Row
from trainer.run.run_history import RunHistory


def test_the_record_counts_rows_that_still_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []
    manager = CheckpointManager(tmp_path)
    rows = [make_row(1), make_row(2), make_row(3)]

    full, append = [True], MetricsHistory.append

    def append_or_refuse(self: MetricsHistory, row: Row) -> None:
        if full:
            raise OSError(errno.ENOSPC, "no space")
        append(self, row)

    monkeypatch.setattr(MetricsHistory, "append", append_or_refuse)
    history = RunHistory(manager, None, 0, 0, None, problems.append)
    for row in rows:
        history.write(row)
    assert len(problems) == 1
    assert len(history.file) == 0
    assert history.record() == RowsDigest(rows).record()
    full.clear()
    history.flush()
    assert len(history.file) == 3
    history.file.close()


def test_a_resumed_history_continues_its_record(tmp_path: Path) -> None:
    manager, problems = CheckpointManager(tmp_path), list[str]()
    rows = [make_row(iteration) for iteration in (1, 2, 3)]
    first = RunHistory(manager, None, 0, 0, None, problems.append)
    for row in rows:
        first.write(row)
    first.file.close()
    parent = tmp_path / "checkpoint_000002"
    record = RowsDigest(rows[:2]).record()
    second = RunHistory(manager, parent, 2, 2000, record, problems.append)
    assert len(second.file) == 2  # the third is done again
    second.write(rows[2])
    assert second.record() == RowsDigest(rows).record()
    second.file.close()
    assert problems == []
