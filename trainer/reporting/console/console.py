"""What a training run shows: a live panel on a terminal, otherwise one line per iteration.

    with make_console(quiet=args.quiet) as console:
        console.start(500, first_iteration=1, info={"run": "L1, seed 0"})
        console.iteration(row)
        console.checkpoint(path, row)
        console.stop({"trained": "500 iterations"}, next_commands=["python demo_model.py"])

A console never ends a training: once its output is gone (a closed pipe, a lost terminal) it falls
silent. Its methods are for the main thread; of them only the notes are for signal handlers, and
only `compiling` is for other threads too.
"""

from __future__ import annotations

import math
import os
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from trainer.checkpoints.metadata import EVALUATION, SCORE
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.config.budget import Budget, Spending
from trainer.reporting.formatting import count, duration
from trainer.shown_commands import shown_path

Row = Mapping[str, float | int]

_COMPILING = "compiling kernels, once on this machine: a minute or two ..."
_ETA_ITERATIONS = 20  # the ETA follows the pace of the last ones


class Console(ABC):
    """The common part: where the run stands, and how long it will take."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.clock: Callable[[], float] = time.monotonic
        self.total = 0
        self.done = 0  # iterations, over the whole life of the run
        self.started = self.stopping = False
        self.compiled = 0  # kernels, since the start if the iteration under way needed any
        # The last one: its iteration and what it measured.
        self.evaluation: dict[str, float | int] = {}
        self._spending: Spending | None = None  # of a budget, if one ends the training
        self._paces: deque[float] = deque(maxlen=_ETA_ITERATIONS)  # seconds per iteration
        self._began = self.clock()
        self._agent_steps = self._seconds = 0.0  # of the iterations since the start

    def start(
        self,
        total_iterations: int,
        first_iteration: int = 1,
        info: Mapping[str, object] | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Training begins with `first_iteration` and ends after `total_iterations`.

        Both count from the very first start of the run. `info` is shown as a list; its `run`
        is the title of the live panel. A `budget`, if given, ends the training instead.
        """
        self._spending = None if budget is None else Spending(budget)
        self.total, self.done = total_iterations, first_iteration - 1
        self._began, self._agent_steps, self._seconds = self.clock(), 0.0, 0.0
        self.started = True
        self._show_start(first_iteration, _shown(info))

    def iteration(self, row: Row) -> None:
        """An iteration is over; `row` as in `trainer.reporting.metrics`."""
        self.done = int(row["iteration"])
        seconds = float(row.get("time/iteration_s", math.nan))
        if math.isfinite(seconds):
            if not self.compiled:  # it says nothing of the pace
                self._paces.append(seconds)
            if self._spending is not None:
                self._spending.count(row, seconds)
            self._seconds += seconds
            self._agent_steps += seconds * float(row.get("agent_steps_per_s", math.nan))
        self.compiled = 0
        if math.isfinite(row.get(SCORE, math.nan)):
            kept = {key: value for key, value in row.items() if key.startswith(EVALUATION)}
            self.evaluation = {"iteration": row["iteration"], **kept}
        self._show_iteration(row)

    def recall(self, columns: Mapping[str, np.ndarray]) -> None:
        """Shows the last evaluation of these rows, of iterations before the start, till the next.

        Args:
            columns: every metric over the iterations, [R], as in `MetricsHistory.columns`.
        """
        scores = columns.get(SCORE, np.empty(0))
        known = np.flatnonzero(np.isfinite(scores))
        if len(known):
            last = known[-1]
            keys = [key for key in columns if key.startswith(EVALUATION)]
            self.evaluation = {"iteration": int(columns["iteration"][last])}
            self.evaluation |= {key: float(columns[key][last]) for key in keys}

    def compiling(self, kernels: int) -> None:
        """The first, second, ... kernel since the start is being compiled, in whatever thread."""
        self.compiled = kernels
        if kernels == 1:
            self.message(_COMPILING)

    def checkpoint(self, path: Path | str, row: Row) -> None:
        """A checkpoint was saved."""
        self._show_checkpoint(shown_line(shown_path(path)), row)

    def note_stop(self) -> None:
        """A stop was requested. Safe in a signal handler, unlike everything else here."""
        self.stopping = True
        what = "saving a checkpoint at the end of this iteration"
        if not self.started:
            what = "nothing has been trained yet; leaving as soon as loading allows"
        os.write(2, f"\nstopping: {what} ...\n".encode())

    def note_leave(self) -> None:
        """The process ends within this call's signal handler: give the terminal back."""
        return

    def message(self, text: str, level: str = "info") -> None:
        """Shows a text at once; `level` is info, warning or error."""
        self._show_message("\n".join(map(shown_line, text.split("\n"))), level)

    def stop(
        self,
        summary: Mapping[str, object] | None = None,
        next_commands: Sequence[str] = (),
    ) -> None:
        """The run is over: show its summary and the commands that may follow."""
        self.close()
        told = _shown({**(summary or {}), **self._pace()})
        self._show_end(told, list(map(shown_line, next_commands)))

    def close(self) -> None:
        """Gives the terminal back as it was; may be called again, and before `start`."""
        return

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def eta_seconds(self) -> float:
        """Seconds that the remaining iterations will take at the present pace; nan if unknown."""
        if self._spending is not None:
            return self._spending.eta_seconds()
        if not self._paces:
            return math.nan
        return max(self.total - self.done, 0) * sum(self._paces) / len(self._paces)

    def progress(self) -> tuple[str, int, int]:
        """What is counted, how far training is and how far it goes."""
        if self._spending is None:
            return "iteration", self.done, self.total
        budget = self._spending.budget
        return budget.unit, self._spending.spent, budget.target

    @abstractmethod
    def _show_checkpoint(self, path: str, row: Row) -> None: ...

    @abstractmethod
    def _show_message(self, text: str, level: str) -> None: ...

    def _pace(self) -> dict[str, str]:
        """How long training took, from its start, and how fast its iterations were."""
        if not self._seconds:
            return {}
        speed = count(self._agent_steps / self._seconds)
        return {"time": f"{duration(self.clock() - self._began)}, {speed} agent-steps/s"}

    @abstractmethod
    def _show_start(self, first_iteration: int, info: dict[str, object]) -> None: ...

    @abstractmethod
    def _show_iteration(self, row: Row) -> None: ...

    @abstractmethod
    def _show_end(self, summary: dict[str, object], next_commands: list[str]) -> None: ...


def start_line(first_iteration: int, total: int) -> str:
    """The line that announces a start or a resume."""
    verb = "Training" if first_iteration == 1 else "Resuming with"
    if first_iteration == total:
        return f"{verb} iteration {total}"
    return f"{verb} iterations {first_iteration} to {total}"


def _shown(values: Mapping[str, object] | None) -> dict[str, object]:
    return {key: shown_line(str(value)) for key, value in (values or {}).items()}


def pairs(info: Mapping[str, object]) -> list[str]:
    """Lines of a list with aligned values."""
    width = max(map(len, info), default=0)
    return [f"  {key:<{width}}  {value}" for key, value in info.items()]
