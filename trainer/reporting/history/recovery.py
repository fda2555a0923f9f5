"""Opens the history of a new or resumed run, whatever happened to the file.

The rows 1..N of the checkpoint that a run resumes are what its history begins with. They are known
by the record of the checkpoint; an older one has none, and its export, if whole, stands in.
A file that is damaged, altered, foreign or short of rows is moved aside, never deleted, and gives
way to the export beside the checkpoint or, where that knows no more, to those of its own rows that
can be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.checkpoints.atomic import replacing
from trainer.reporting.history.metrics_history import (
    HISTORY_NAME,
    DamagedHistoryError,
    MetricsHistory,
)
from trainer.reporting.history.record import HistoryRecord, RowsDigest
from trainer.reporting.history.rows import FoundRows, free_name, gaps

Report = Callable[[str], None]


@dataclass(frozen=True)
class _Wanted:
    """The rows that a resumed run must begin with.

    Attributes:
        iteration: how far they go.
        env_steps: of the last of them.
        record: of all of them; None if nobody knows it.
    """

    iteration: int
    env_steps: int
    record: HistoryRecord | None

    def is_met_by(self, rows: FoundRows) -> bool:
        """Whether these are the very rows."""
        if self.record is None or len(rows) != self.record.rows:
            return False
        return RowsDigest(rows.rows()).record() == self.record

    def is_begun_by(self, history: MetricsHistory) -> bool:
        """Whether a history begins with them."""
        rows = history.rows(history.count(self.iteration))
        return RowsDigest(rows).record() == self.record

    def is_foreign(self, history: MetricsHistory) -> bool:
        """Whether the last row, with none missing before it, is not that of the checkpoint."""
        steps = history.columns().get("env_steps")
        return steps is None or steps[self.iteration - 1] != self.env_steps

    def problem(self, history: MetricsHistory) -> str:
        """A message that says what is wrong with a history; empty if nothing is."""
        path, iterations = history.path, history.columns().get("iteration", np.empty(0))
        if missing := gaps(iterations, self.iteration):
            return f"{path.name}, iterations missing: {missing}"
        if self.iteration == 0 or self.is_begun_by(history):
            return ""
        if self.is_foreign(history):
            return f"{path.name} is another run's"
        return self.not_met_by(path) if self.record is not None else ""

    def not_met_by(self, path: Path) -> str:
        """The message that a file has other rows."""
        saved = f"is not the history that iteration {self.iteration} was saved with"
        return f"{path.name} {saved}: rows were changed, or are another run's"


def open_history(
    directory: Path,
    iteration: int,
    env_steps: int,
    export: Path | None,
    report: Report,
    *,
    record: HistoryRecord | None = None,
    is_mirror: bool = False,
) -> MetricsHistory:
    """The history in a folder, with the rows up to `iteration` and no later ones.

    Args:
        directory: where it lies, or is to lie.
        iteration: that of the checkpoint that the run resumes; 0 for a new run.
        env_steps: those of the checkpoint; by them its row is known.
        export: the history as it was exported beside the checkpoint, wherever that lies.
        report: takes a line for each thing that was not as it should be.
        record: that of the checkpoint, by which all rows are known; None: it has none.
        is_mirror: another machine may have written rows since; the export is authoritative.
    """
    path = directory / HISTORY_NAME
    exported = FoundRows.none() if export is None else FoundRows.of(export, iteration)
    exported = _of_this_run(exported, iteration, env_steps)
    if record is None and len(exported) == iteration > 0:
        record = RowsDigest(exported.rows()).record()
    wanted = _Wanted(iteration, env_steps, record)
    if not os.path.lexists(path):
        return _rebuild(path, [exported], wanted, report)
    if is_mirror and iteration > 0 and wanted.is_met_by(exported):
        return _rebuild(path, [exported], wanted, report, f"before_resume_at_{iteration:06d}")
    try:
        history = MetricsHistory(path, report)
    except DamagedHistoryError as error:
        reason = str(error)
    else:
        reason = wanted.problem(history)
        if not reason or _is_best(history, exported, wanted):
            if reason == wanted.not_met_by(path):
                reason += "; it is kept, as no export beside the checkpoint has those rows"
            for message in filter(None, (history.repaired, reason)):
                report(message)
            history.truncate_after(iteration)
            return history
        history.close()
    own = _of_this_run(FoundRows.of(path, iteration), iteration, env_steps)
    return _rebuild(path, [exported, own], wanted, report, "damaged", reason)


def _is_best(history: MetricsHistory, exported: FoundRows, wanted: _Wanted) -> bool:
    """Whether a history that is not as it should be is the best there is all the same."""
    if wanted.is_begun_by(history):  # rows are missing, as they were then
        return True
    count = history.count(wanted.iteration)
    if count == wanted.iteration and wanted.is_foreign(history):
        return False
    return len(exported) <= count and not wanted.is_met_by(exported)


def _rebuild(
    path: Path,
    sources: Sequence[FoundRows],
    wanted: _Wanted,
    report: Report,
    label: str = "",
    reason: str = "",
) -> MetricsHistory:
    """A history of the rows of the source that is right, else of the one that has most of them.

    Of several the first counts. What is at the path keeps another name, with `label`. Rows that
    make no history count as none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    right = next((source for source in sources if wanted.is_met_by(source)), None)
    best = max(sources, key=len) if right is None else right
    aside = free_name(path, label) if label else None
    _write(path, best, aside)
    try:
        history = MetricsHistory(path, report)
    except DamagedHistoryError as error:
        if len(best) == 0:
            raise
        return _rebuild(path, [FoundRows.none()], wanted, report, "damaged", reason or str(error))
    reported = [reason] if reason else []
    if reason and aside is not None:
        reported.append(f"it is now {aside.name}, and {_named(best, path)} took its place")
    reported += [source.trouble for source in sources if source.trouble and source.path != path]
    if missing := gaps(best.iterations, wanted.iteration):
        reported.append(f"iterations missing: {missing}")
    elif right is None and wanted.record is not None:
        reported.append(wanted.not_met_by(best.path))
    if reported:
        report("; ".join(reported))
    return history


def _named(rows: FoundRows, path: Path) -> str:
    if len(rows) == 0:
        return "an empty one"
    return f"the {len(rows)} rows read from it" if rows.path == path else rows.path.name


def _write(path: Path, rows: FoundRows, aside: Path | None) -> None:
    """Puts rows in the place of a file, which is named `aside` from then on."""
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.writelines(line + b"\n" for line in rows.lines())
        if aside is None:
            return
        try:
            # A second name first: at no moment there is no history.
            os.link(path, aside, follow_symlinks=False)
        except OSError:  # a folder, or a file system without such links
            os.rename(path, aside)  # noqa: PTH104


def _of_this_run(rows: FoundRows, iteration: int, env_steps: int) -> FoundRows:
    """The same rows, or none if that of the checkpoint's iteration is not the checkpoint's."""
    if len(rows) == 0 or rows.iterations[-1] != iteration:
        return rows
    if rows.row(-1).get("env_steps") == env_steps:
        return rows
    return FoundRows.none(rows.path, f"{rows.path.name} is another run's")
