"""What a sweep shows while it runs: a live table on a terminal, otherwise a line now and then."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TextIO

from trainer.checkpoints.safe_io.safe_output import drawing
from trainer.commands.sweep.manifest import FAILED, FINISHED, RUNNING
from trainer.commands.sweep.status import (
    ELSEWHERE,
    Status,
    counted,
    first_running,
    seconds_left,
)
from trainer.reporting.formatting import duration
from trainer.reporting.terminal import is_unicode, moves_cursor

_EVERY_S = 30.0  # between two lines that tell how far all are
_OTHERS = 38  # characters of the columns beside the name
_STYLES = {RUNNING: "bold", ELSEWHERE: "yellow", FAILED: "bold red", FINISHED: "#5AA469"}


class Progress(ABC):
    """Shows how the runs stand; `stopping` is set by the handler of a signal."""

    def __init__(self, stream: TextIO, jobs: int, measure: str) -> None:
        self.stream, self.jobs = stream, jobs
        self.word = measure.rpartition("/")[2]
        self.stopping = False

    @abstractmethod
    def started(self, name: str, reached: int) -> None:
        """A run begins, after so many iterations that it has done before."""

    @abstractmethod
    def ended(self, status: Status) -> None:
        """A run has ended."""

    @abstractmethod
    def show(self, all_: Sequence[Status], *, last: bool = False) -> None:
        """How all stand now; called several times a second."""

    def note_stop(self) -> None:
        """A stop was asked for. Safe in a signal handler."""
        self.stopping = True

    def close(self) -> None:
        """Gives the terminal back; may be called again."""
        return


class LineProgress(Progress):
    """A line when a run begins or ends, and one for all of them twice a minute."""

    def __init__(self, stream: TextIO, jobs: int, measure: str) -> None:
        super().__init__(stream, jobs, measure)
        self._told = time.monotonic()

    def started(self, name: str, reached: int) -> None:
        """See `Progress.started`."""
        self._print(f"started   {name}" + (f"  from iteration {reached}" if reached else ""))

    def ended(self, status: Status) -> None:
        """See `Progress.ended`."""
        done = f"iteration {status.done}/{status.total}  {self.word} {status.score}"
        told = status.error if status.state == FAILED else done
        self._print(f"{status.state:<9} {status.name}  {told}")

    def show(self, all_: Sequence[Status], *, last: bool = False) -> None:
        """See `Progress.show`."""
        if last or time.monotonic() - self._told < _EVERY_S:
            return
        self._told = time.monotonic()
        running = [s for s in all_ if s.state in (RUNNING, ELSEWHERE)]
        each = "; ".join(f"{s.name} {s.done}/{s.total} {self.word} {s.score}" for s in running)
        left = duration(seconds_left(all_, self.jobs))
        self._print(f"{counted(all_)}; ETA {left}" + f"; {each}" * bool(each))

    def note_stop(self) -> None:
        """See `Progress.note_stop`."""
        super().note_stop()
        told = "stopping: each run saves a checkpoint first; Ctrl-C again kills them ..."
        os.write(2, f"\n{told}\n".encode())

    def _print(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


class LiveProgress(Progress):
    """A table at the bottom of the terminal, drawn anew in place.

    It is drawn by this thread alone: new processes are forked, which threads would not survive.
    """

    def __init__(self, stream: TextIO, jobs: int, measure: str) -> None:
        super().__init__(stream, jobs, measure)
        from rich.console import Console
        from rich.live import Live

        self._began = time.monotonic()
        self._console = Console(file=drawing(stream), highlight=False, markup=False, emoji=False)
        self._live: Any = Live(console=self._console, auto_refresh=False)
        self._live.start()
        self._console.show_cursor(True)  # a process that is killed could not bring it back

    def started(self, name: str, reached: int) -> None:
        """See `Progress.started`."""
        return

    def ended(self, status: Status) -> None:
        """See `Progress.ended`; an error stays above the table."""
        if status.state == FAILED:
            self._console.print(f"{status.name} failed: {status.error}", style=_STYLES[FAILED])

    def show(self, all_: Sequence[Status], *, last: bool = False) -> None:
        """See `Progress.show`."""
        if self._live is not None:
            self._live.update(self.render(all_), refresh=True)

    def render(self, all_: Sequence[Status]) -> Any:
        """The table, as many rows of it as the terminal has."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        room, rows = self._console.size.width - _OTHERS, max(self._console.size.height - 6, 3)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="gray62")
        table.add_column("Run", no_wrap=True, overflow="ellipsis")
        table.add_column("State", no_wrap=True)
        for head in ("Iteration", self.word.capitalize(), "ETA"):
            table.add_column(head, justify="right", no_wrap=True)
        ordered = first_running(all_)
        for status in ordered[:rows]:
            done = f"{status.done}/{status.total}"
            style = _STYLES.get(status.state, "")
            table.add_row(
                _fitted(status.name, room),
                status.state,
                done,
                status.score,
                status.eta,
                style=style,
            )
        hidden = ordered[rows:]
        counts = counted(all_) + f"; {len(hidden)} of them not shown" * bool(hidden)
        times = [f"ETA {duration(seconds_left(all_, self.jobs))}"]
        times += [f"{duration(time.monotonic() - self._began)} elapsed"]
        times += ["saving; Ctrl-C again kills" if self.stopping else "Ctrl-C saves and stops"]
        below = (Text(line, "gray62", no_wrap=True) for line in (counts, " · ".join(times)))
        return Group(table, Text(), *below)

    def close(self) -> None:
        """See `Progress.close`."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()


def _fitted(name: str, room: int) -> str:
    """A name without its middle if it has no room: its end tells the seed."""
    room = max(room, 12)
    half = (room - 1) // 2
    return name if len(name) <= room else f"{name[: room - 1 - half]}…{name[-half:]}"


def make_progress(stream: TextIO, jobs: int, measure: str) -> Progress:
    """The progress that fits an output."""
    fits = moves_cursor(stream) and is_unicode(stream)
    return (LiveProgress if fits else LineProgress)(stream, jobs, measure)
