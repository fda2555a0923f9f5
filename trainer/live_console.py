"""The live panel of a training on a terminal, drawn with rich; see `trainer.console`."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from trainer.checkpoints.safe_output import discard
from trainer.console import Console, Row, fixed, pairs, start_line
from trainer.metrics import team_color, teams_of
from trainer.readable import count, duration, figure, percent

MAX_WIDTH = 100
_WIDE, _MEDIUM, _NARROW = 92, 76, 50  # columns from which the panel shows more and more
_TREND = 12  # iterations in a sparkline
_REFRESH_S = 0.5  # two drawings a second (of 3 ms), however short the iterations are
_TICKS = "▁▂▃▄▅▆▇█"
_PHASES = {"sample": "#5AA469", "learn": "#C9A227", "other": "#8A94A0", "save": "#9D6FB0"}
_LEVELS = {"info": "", "warning": "yellow", "error": "bold red"}
_LABEL = "grey62"


class LiveConsole(Console):
    """A panel at the bottom of the terminal; messages and other output scroll by above it."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock)
        self.rich = RichConsole(file=stream, highlight=False, markup=False, emoji=False)
        self._lock = threading.RLock()  # rich draws the clock from a thread of its own
        self._live: Live | None = None
        self._row: Row = {}
        self._title = "Training"
        self._saved: tuple[str, float] | None = None  # path, time
        self._returns: dict[str, deque[float]] = {}  # per team
        self._phases: deque[dict[str, float]] = deque(maxlen=10)  # seconds per phase
        self._began = self._updated = self.clock()
        self._drawn = -math.inf

    def _show_checkpoint(self, path: str, row: Row) -> None:
        with self._lock:
            self._saved = (path, self.clock())
        self._refresh()

    def _show_message(self, text: str, level: str) -> None:
        style = _LEVELS.get(level, "")
        prefix = "" if level == "info" else f"{level}: "
        self._print(Text(prefix + text, style=style))

    def note_stop(self) -> None:
        if self._live is None:
            super().note_stop()
        self.stopping = True  # the panel says so when it is next drawn

    def close(self) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        try:
            live.stop()
        except OSError:
            discard(self.stream)

    def _show_start(self, first_iteration: int, info: dict[str, object]) -> None:
        self._title = str(info.get("run", "Training"))
        self._print(Text(start_line(first_iteration, self.total), style="bold"))
        for line in pairs(info):
            self._print(Text(line))
        self._began = self._updated = self.clock()
        self._live = Live(console=self.rich, get_renderable=self.render, refresh_per_second=1)
        try:
            self._live.start()
            # A process that is killed cannot bring the cursor back: it is never taken away.
            self.rich.show_cursor(True)
        except OSError:
            self._live = None

    def _show_iteration(self, row: Row) -> None:
        with self._lock:
            self._row = dict(row)
            self._updated = self.clock()
            for team in teams_of(row):
                history = self._returns.setdefault(team, deque(maxlen=_TREND))
                history.append(float(row.get(f"{team}_reward", math.nan)))
            self._phases.append({p: float(row.get(f"time/{p}_s", math.nan)) for p in _PHASES})
        if self.clock() - self._drawn >= _REFRESH_S or self.done >= self.total:
            self._refresh()

    def _show_end(self, summary: dict[str, object], next_commands: list[str]) -> None:
        for line in pairs(summary):
            self._print(Text(line))
        if next_commands:
            self._print(Text("Next:", style="bold"))
        for command in next_commands:
            # Whole, so that it can be copied from a narrow terminal too.
            self._print(Text(f"  {command}", style="cyan", no_wrap=True, overflow="ignore"))

    def _print(self, text: Text) -> None:
        try:
            self.rich.print(text, soft_wrap=text.no_wrap)
        except (OSError, ValueError):
            self._give_up()

    def _refresh(self) -> None:
        if self._live is None:
            return
        self._drawn = self.clock()
        try:
            self._live.refresh()
        except (OSError, ValueError):
            self._give_up()

    def _give_up(self) -> None:
        """The terminal is gone; training goes on without a word."""
        self._live = None
        self.rich.quiet = True
        discard(self.stream)

    # --- the panel -------------------------------------------------------------------------------

    def render(self) -> RenderableType:
        """The panel as it stands, for the terminal's present width."""
        with self._lock:
            width = min(self.rich.width, MAX_WIDTH)
            parts: list[RenderableType] = [self._progress(width)]
            if self._row:
                # The teams first: a low terminal shows no more than the top.
                parts += [Text(), self._team_table(width), Text(), self._facts(width)]
            elapsed = duration(self.clock() - self._began)
            elapsed += " elapsed" if width >= _NARROW else ""
            hint = "Ctrl-C saves and stops"
            if self.stopping:
                hint = "saving after this iteration · Ctrl-C again leaves at once"
            return Panel(
                Group(*parts),
                title=Text(self._title, style="bold default"),
                title_align="left",
                subtitle=Text(f"{elapsed} · {hint}", style="bold" if self.stopping else _LABEL),
                subtitle_align="right",
                border_style="grey50",
                width=width,
            )

    def _progress(self, width: int) -> Table:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        left = self.eta_seconds() - (self.clock() - self._updated)
        bar = ProgressBar(
            total=max(self.total, 1),
            completed=min(self.done, self.total),
            complete_style="#5AA469",
            finished_style="#5AA469",
        )
        name = "Iteration" if width >= _MEDIUM else "Iter"
        share = percent(self.done / self.total) if self.total else "-"
        ahead = f"{share}  ETA {duration(max(left, 0.0) if math.isfinite(left) else left)}"
        grid.add_row(Text(f"{name} {self.done}/{self.total}", style="bold"), bar, Text(ahead))
        return grid

    def _facts(self, width: int) -> Table:
        row = self._row

        def value(key: str) -> float:
            return float(row.get(key, math.nan))

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style=_LABEL, no_wrap=True)
        grid.add_column()
        episodes = f"{value('episodes_completed'):,.0f} completed"
        grid.add_row(
            "Episodes", f"{episodes} · {count(value('episodes_this_iter'))} this iteration"
        )
        length = fixed(value("episode_len_mean"), 0, 1)
        grid.add_row("Mean", f"reward {figure(value('reward_mean'))} · length {length} steps")
        sight = f"in sight {percent(value('seen_fraction'))} of the steps"
        never = f"never seen in {percent(value('perfect_hide'))} of episodes"
        grid.add_row("Hiders", f"{sight} · {never}")
        speed = f"{count(value('agent_steps_per_s'))} agent-steps/s"
        grid.add_row("Speed", f"{speed} · {count(value('env_steps'))} env steps so far")
        grid.add_row("Time", self._time_split(width))
        grid.add_row("Saved", self._last_checkpoint())
        return grid

    def _last_checkpoint(self) -> Text:
        if self._saved is None:
            return Text("nothing yet", style=_LABEL)
        path, moment = self._saved
        text = Text(path, overflow="ellipsis")
        return text.append(f" · {duration(self.clock() - moment)} ago", style=_LABEL)

    def _time_split(self, width: int) -> Text:
        """Where the time of the last iterations went, as a bar and in percent."""
        seconds = {
            phase: sum(s[phase] for s in self._phases if math.isfinite(s[phase]))
            for phase in _PHASES
        }
        total = sum(seconds.values())
        if total <= 0:
            return Text("-")
        text = Text()
        if width >= _MEDIUM:
            for phase, color in _PHASES.items():
                text.append("━" * round(20 * seconds[phase] / total), style=color)
            text.append("  ")
        for phase, color in _PHASES.items():
            text.append(f"{phase} {percent(seconds[phase] / total)}  ", style=color)
        return text

    def _team_table(self, width: int) -> Table:
        medium = width >= _MEDIUM

        def cells(team: str) -> dict[str, str]:
            get = self._row.get
            shown = {"reward": figure(get(f"{team}_reward", math.nan))}
            if medium:
                shown["trend"] = sparkline(list(self._returns[team]))
            shown["KL"] = fixed(get(f"{team}/kl", math.nan), 0, 6 if medium else 4)
            shown["entropy"] = fixed(get(f"{team}/entropy", math.nan), 0, 4 if medium else 2)
            if width >= _NARROW:
                shown["lr"] = figure(get(f"{team}/lr", math.nan))
            if medium:
                shown["clipped"] = percent(get(f"{team}/clip_fraction", math.nan))
            if width >= _WIDE:
                shown["explained"] = percent(get(f"{team}/vf_explained_var", math.nan))
            return shown

        table = Table(box=None, padding=(0, 2, 0, 0), header_style=_LABEL)
        table.add_column("", no_wrap=True, min_width=max(map(len, self._returns), default=0))
        rows = {team: cells(team) for team in self._returns}
        for name in next(iter(rows.values()), {}):
            table.add_column(name, justify="left" if name == "trend" else "right", no_wrap=True)
        for i, (team, row) in enumerate(rows.items()):
            color = team_color(team, i)
            texts = (Text(text, style=color) for text in row.values())
            table.add_row(Text(team, style=f"bold {color}"), *texts)
        return table


def sparkline(values: list[float]) -> str:
    """One block per value between the lowest and the highest; a space where it is nan."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(
        _TICKS[round((value - low) / span * (len(_TICKS) - 1))] if math.isfinite(value) else " "
        for value in values
    )
