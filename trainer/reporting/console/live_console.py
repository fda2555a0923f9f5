"""The live panel of a training on a terminal, drawn with rich; see `console.py`."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import deque
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from trainer.checkpoints.safe_io.safe_output import discard
from trainer.reporting.console.console import Console, Row, pairs, start_line
from trainer.reporting.console.control_echo import ControlEcho
from trainer.reporting.console.line_columns import fixed
from trainer.reporting.console.live_panel import (
    LABEL,
    MEDIUM,
    NARROW,
    PHASES,
    evaluation,
    memory,
    objects,
    schedules,
    team_table,
    time_split,
)
from trainer.reporting.console.resizable_live import ResizableLive
from trainer.reporting.formatting import count, duration, number, percent
from trainer.reporting.metrics import teams_of

MAX_WIDTH = 140
_TREND = 12  # iterations in a sparkline
_REFRESH_S = 0.5  # two drawings a second (of 3 ms), however short the iterations are
_LEVELS = {"info": "", "warning": "yellow", "error": "bold red"}


class LiveConsole(Console):
    """A panel at the bottom of the terminal; messages and other output scroll by above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.rich = RichConsole(file=stream, highlight=False, markup=False, emoji=False)
        self._lock = threading.RLock()  # rich draws the clock from a thread of its own
        self._live: ResizableLive | None = None
        self._echo = ControlEcho()
        self._over = False
        self._row: Row = {}
        self._first_row: Row = {}
        self._title = "Training"
        self._device = ""
        self._saved: tuple[str, float] | None = None  # path, time
        self._returns: dict[str, deque[float]] = {}  # per team
        self._phases: deque[dict[str, float]] = deque(maxlen=10)  # seconds per phase
        self._began = self._updated = self.clock()
        self._drawn = -math.inf

    def _show_checkpoint(self, path: str, row: Row) -> None:
        with self._lock:
            self._saved = (path, self.clock())
        self.refresh()

    def _show_message(self, text: str, level: str) -> None:
        style = _LEVELS.get(level, "")
        prefix = "" if level == "info" else f"{level}: "
        self._print(Text(prefix + text, style=style))

    def note_stop(self) -> None:
        if self._live is None:
            super().note_stop()
        self.stopping = True  # the panel says so when it is next drawn

    def note_leave(self) -> None:
        self._echo.give_back()
        with contextlib.suppress(OSError, ValueError):
            os.write(self.stream.fileno(), b"\x1b[?25h")  # rich may have hidden the cursor

    def close(self) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        self._over = True
        live.stop()
        self._echo.give_back()
        if live.lost:
            discard(self.stream)

    def _show_start(self, first_iteration: int, info: dict[str, object]) -> None:
        self._title = str(info.get("run", "Training"))
        self._device = str(info.get("device", ""))
        self._print(Text(start_line(first_iteration, self.total), style="bold"))
        for line in pairs(info):
            self._print(Text(line))
        self._began = self._updated = self.clock()
        self._live = ResizableLive(self.rich, self.render)
        self._echo.off()
        try:
            self._live.start()
            # A process that is killed cannot bring the cursor back: it is never taken away.
            self.rich.show_cursor(True)
        except OSError:
            self._live = None
            self._echo.give_back()

    def _show_iteration(self, row: Row) -> None:
        with self._lock:
            self._row = dict(row)
            self._first_row = self._first_row or self._row
            self._updated = self.clock()
            for team in teams_of(row):
                history = self._returns.setdefault(team, deque(maxlen=_TREND))
                history.append(float(row.get(f"{team}_reward", math.nan)))
            phases = (*PHASES, "evaluation")
            self._phases.append({p: float(row.get(f"time/{p}_s", math.nan)) for p in phases})
        if self.clock() - self._drawn >= _REFRESH_S or self.done >= self.total:
            self.refresh()

    def _show_end(self, summary: dict[str, object], next_commands: list[str]) -> None:
        for line in pairs(summary):
            self._print(Text(line))
        if next_commands:
            self._print(Text("next:", style="bold"))
        for command in next_commands:
            # Whole, so that it can be copied from a narrow terminal too.
            self._print(Text(f"  {command}", style="cyan", no_wrap=True, overflow="ignore"))

    def _print(self, text: Text) -> None:
        try:
            self.rich.print(text, soft_wrap=text.no_wrap)
        except (OSError, ValueError):
            self._give_up()

    def refresh(self) -> None:
        """Draws the panel anew."""
        if self._live is None:
            return
        self._drawn = self.clock()
        self._live.refresh()
        if self._live.lost:
            self._give_up()

    def _give_up(self) -> None:
        """The terminal is gone: the panel falls silent, training and other output continue."""
        live, self._live = self._live, None
        self.rich.quiet = True
        self._echo.give_back()
        if live is not None:
            live.stop()
        discard(self.stream)

    # --- the panel -------------------------------------------------------------------------------

    def render(self) -> RenderableType:
        """The panel as it stands, for the terminal's present width."""
        with self._lock:
            width = min(self.rich.width, MAX_WIDTH)
            parts: list[RenderableType] = [self._progress(width)]
            if self.compiled:
                told = f"compiling kernels: {self.compiled} so far"
                parts.append(Text(told, style=LABEL, no_wrap=True, overflow="ellipsis"))
            if self._row:
                # The teams first: a low terminal shows no more than the top.
                parts += [
                    Text(),
                    team_table(self._row, self._returns, width),
                    Text(),
                    self._facts(width),
                ]
            elapsed = duration(self.clock() - self._began)
            elapsed += " elapsed" if width >= NARROW else ""
            hint = " · Ctrl-C saves and stops"
            if self._over:
                hint = ""
            elif self.stopping:
                hint = " · saving after this iteration · Ctrl-C again leaves at once"
            return Panel(
                Group(*parts),
                title=Text(self._title, style="bold default"),
                title_align="left",
                subtitle=Text(f"{elapsed}{hint}", style="bold" if self.stopping else LABEL),
                subtitle_align="right",
                border_style="gray50",
                width=width,
            )

    def _progress(self, width: int) -> Table:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        counted, done, total = self.progress()
        left = self.eta_seconds() - (self.clock() - self._updated)
        bar = ProgressBar(
            total=max(total, 1),
            completed=min(done, total),
            complete_style="#5AA469",
            finished_style="#5AA469",
        )
        name = counted.capitalize() if width >= MEDIUM else counted[:4].capitalize()
        share = percent(done / total) if total else "-"
        ahead = f"{share}  ETA {duration(max(left, 0.0) if math.isfinite(left) else left)}"
        grid.add_row(Text(f"{name} {done}/{total}", style="bold"), bar, Text(ahead))
        return grid

    def _facts(self, width: int) -> Table:
        row = self._row

        def value(key: str) -> float:
            return float(row.get(key, math.nan))

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style=LABEL, no_wrap=True)
        grid.add_column()
        episodes = f"{value('episodes_completed'):,.0f} completed"
        grid.add_row(
            "Episodes", f"{episodes} · {count(value('episodes_this_iter'))} this iteration"
        )
        length = fixed(value("episode_len_mean"), 0, 1)
        grid.add_row("Mean", f"reward {number(value('reward_mean'))} · length {length} steps")
        if "seen_fraction" in row:  # and not another game
            sight = f"in sight {percent(value('seen_fraction'))} of the steps"
            never = f"never seen in {percent(value('perfect_hide'))} of episodes"
            grid.add_row("Hiders", f"{sight} · {never}")
        for label, text in objects(row, width).items():
            grid.add_row(label, text)
        for label, told in evaluation(self.evaluation, width).items():
            grid.add_row(label, told)
        speed = f"{count(value('agent_steps_per_s'))} agent-steps/s"
        grid.add_row("Speed", f"{speed} · {count(value('env_steps'))} env steps so far")
        grid.add_row("Time", time_split(self._phases, width))
        if scheduled := schedules(self._first_row, row):
            grid.add_row("In force", Text(scheduled, no_wrap=True, overflow="ellipsis"))
        machine = " · ".join(filter(None, (self._device, memory())))
        grid.add_row("Machine", Text(machine, no_wrap=True, overflow="ellipsis"))
        grid.add_row("Saved", self._last_checkpoint())
        return grid

    def _last_checkpoint(self) -> Text:
        if self._saved is None:
            return Text("nothing yet", style=LABEL)
        path, moment = self._saved
        text = Text(path, overflow="ellipsis")
        return text.append(f" · {duration(self.clock() - moment)} ago", style=LABEL)
