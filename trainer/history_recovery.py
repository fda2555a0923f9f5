"""The history of a run that begins or goes on, whatever became of the file.

The rows 1..N of the checkpoint that a run goes on from are what its history begins with. A file
that is damaged, foreign or short of rows is moved aside, never deleted, and gives way to the export
beside the checkpoint or, where that knows no more, to those of its own rows that can be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from trainer.checkpoints.atomic import replacing
from trainer.history import HISTORY_NAME, DamagedHistoryError, MetricsHistory
from trainer.history_rows import FoundRows, free_name, gaps

Tell = Callable[[str], None]


def open_history(
    directory: Path,
    iteration: int,
    env_steps: int,
    export: Path | None,
    tell: Tell,
    *,
    is_mirror: bool = False,
) -> MetricsHistory:
    """The history in a folder, with the rows up to `iteration` and no later ones.

    Args:
        directory: where it lies, or is to lie.
        iteration: that of the checkpoint that the run goes on from; 0 for a new run.
        env_steps: those of the checkpoint; by them its row is known.
        export: the history as it was exported beside the checkpoint, wherever that lies.
        tell: takes a line for each thing that was not as it should be.
        is_mirror: another machine may have written rows since; the export is what counts.
    """
    path = directory / HISTORY_NAME
    exported = FoundRows.none() if export is None else FoundRows.of(export, iteration)
    exported = _of_this_run(exported, iteration, env_steps)
    if not os.path.lexists(path):
        return _rebuild(path, [exported], iteration, tell)
    if is_mirror and len(exported) == iteration > 0:
        return _rebuild(path, [exported], iteration, tell, f"before_resume_at_{iteration:06d}")
    reason = ""
    try:
        history = MetricsHistory(path, tell)
    except DamagedHistoryError as error:
        reason = str(error)
    else:
        known = history.columns()
        if missing := gaps(known.get("iteration", np.empty(0)), iteration):
            reason = f"{path.name}, iterations missing: {missing}"
        if not missing and iteration and _differs(known, iteration, env_steps):
            reason = f"{path.name} is another run's"
        elif len(exported) <= history.count(iteration):  # there is nothing better
            for message in filter(None, (history.repaired, reason)):
                tell(message)
            history.truncate_after(iteration)
            return history
        history.close()
    own = _of_this_run(FoundRows.of(path, iteration), iteration, env_steps)
    return _rebuild(path, [exported, own], iteration, tell, "damaged", reason)


def _rebuild(
    path: Path,
    sources: Sequence[FoundRows],
    iteration: int,
    tell: Tell,
    label: str = "",
    reason: str = "",
) -> MetricsHistory:
    """A history of the rows of the source that has most; of several with as many the first counts.

    What is at the path keeps another name, with `label`. Rows that make no history count as none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    best = max(sources, key=len)  # the first of them
    aside = free_name(path, label) if label else None
    _write(path, best, aside)
    try:
        history = MetricsHistory(path, tell)
    except DamagedHistoryError as error:
        if len(best) == 0:
            raise
        return _rebuild(path, [FoundRows.none()], iteration, tell, "damaged", reason or str(error))
    told = [reason] if reason else []
    if reason and aside is not None:
        told.append(f"it is now {aside.name}, and {_named(best, path)} took its place")
    told += [source.trouble for source in sources if source.trouble and source.path != path]
    if missing := gaps(best.iterations, iteration):
        told.append(f"iterations missing: {missing}")
    if told:
        tell("; ".join(told))
    return history


def _differs(columns: Mapping[str, np.ndarray], iteration: int, env_steps: int) -> bool:
    """Whether the row of an iteration, with none missing before it, is not the checkpoint's."""
    steps = columns.get("env_steps")
    return steps is None or steps[iteration - 1] != env_steps


def _named(rows: FoundRows, path: Path) -> str:
    if len(rows) == 0:
        return "an empty one"
    return f"the {len(rows)} rows read from it" if rows.path == path else rows.path.name


def _write(path: Path, rows: FoundRows, aside: Path | None) -> None:
    """Put rows in the place of a file, which is named `aside` from then on."""
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
