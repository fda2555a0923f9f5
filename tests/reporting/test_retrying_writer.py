"""Rows that a full disk refuses come later, in their order."""

from __future__ import annotations

from trainer.reporting.metrics import Row
from trainer.reporting.retrying_writer import RetryingWriter


class Disk:
    """Takes rows unless it is full."""

    def __init__(self) -> None:
        self.full = False
        self.rows: list[Row] = []
        self.problems: list[str] = []
        self.writer = RetryingWriter("the history", self._take, self.problems.append)

    def _take(self, row: Row) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.rows.append(row)


def rows(*iterations: int) -> list[Row]:
    return [{"iteration": iteration} for iteration in iterations]


def test_refused_rows_are_written_before_the_next_one() -> None:
    disk = Disk()
    for iteration in (1, 2, 3, 4):
        disk.full = iteration in (2, 3)
        disk.writer.write({"iteration": iteration})
    assert disk.rows == rows(1, 2, 3, 4)
    assert len(disk.problems) == 1
    assert "the history cannot be written: [Errno 28]" in disk.problems[0]


def test_each_outage_is_reported_once() -> None:
    disk = Disk()
    for iteration in range(1, 7):
        disk.full = iteration % 3 != 0
        disk.writer.write({"iteration": iteration})
        disk.writer.flush()
    assert disk.rows == rows(1, 2, 3, 4, 5, 6)
    assert len(disk.problems) == 2


def test_the_last_flush_says_what_is_lost() -> None:
    disk = Disk()
    disk.full = True
    disk.writer.write({"iteration": 1})
    disk.writer.write({"iteration": 2})
    disk.writer.flush(last=True)
    assert disk.problems[-1] == "the history: 2 rows could not be written"
    disk.full = False
    disk.writer.flush(last=True)
    assert disk.rows == rows(1, 2)
    assert len(disk.problems) == 2
