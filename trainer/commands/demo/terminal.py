"""Shows moments as text: in place on a terminal, one below the other in a pipe."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from envs.render.ansi import LEGEND, draw_text
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.checkpoints.safe_io.safe_output import drawing
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.stage import Moment, Screen, Wish

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"  # the alternate screen, no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
_PICTURE_COLUMNS = 50
_PANEL_COLUMNS = 30
_ROWS = 26  # of the picture with its border


class PipeScreen(Screen):
    """Prints every moment below the one before, without control codes and without waiting."""

    def __init__(self) -> None:
        """Begins with what the signs mean."""
        print(*LEGEND, "", sep="\n")

    def show(self, moment: Moment) -> Wish:
        """See `Screen.show`."""
        words = f"\n{moment.verdict}" if moment.verdict else ""
        print(f"episode {moment.number}/{moment.episodes}  {draw_text(moment.scene)}{words}\n")
        return Wish.CONTINUE


class TerminalScreen(Screen):
    """Draws in place, on the terminal's alternate screen, so that nothing scrolls away."""

    def __init__(
        self, lineup: Lineup, fps: float, color: bool, wait: Callable[[float], None]
    ) -> None:
        """Takes the terminal; `wait` passes the seconds until the next moment."""
        self._lineup = lineup
        self._fps = fps
        self._color = color
        self._wait = wait
        self._due = time.monotonic()
        self._told: list[str] = []
        self._open = True
        # A plain SIGTERM would leave the user without cursor on the wrong screen.
        self._on_term = signal.signal(signal.SIGTERM, _leave)
        self._out = drawing(sys.stdout)
        self._out.write(_ENTER)

    def show(self, moment: Moment) -> Wish:
        """See `Screen.show`."""
        size = shutil.get_terminal_size()
        lines = compose(moment, self._lineup, size.columns, size.lines, self._color)
        self._out.write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")
        sys.stdout.flush()
        now = time.monotonic()
        self._due = max(self._due + moment.frames / self._fps, now)
        self._wait(self._due - now)
        return Wish.CONTINUE

    def print_line(self, line: str) -> None:
        """See `Screen.print_line`."""
        self._told.append(line)

    def close(self) -> None:
        """See `Screen.close`."""
        if self._open:
            self._open = False
            signal.signal(signal.SIGTERM, self._on_term)
            self._out.write(_LEAVE)
            for line in self._told:
                print(line)
            sys.stdout.flush()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def compose(
    moment: Moment, lineup: Lineup, columns: int, rows: int, color: bool = False
) -> list[str]:
    """The lines of a screen of this size: the picture, and the facts beside or above it."""
    if columns < _PICTURE_COLUMNS:
        return [f"too narrow: {columns} columns"[:columns], f"of {_PICTURE_COLUMNS} needed"][:rows]
    status, *picture = draw_text(moment.scene, color).split("\n")
    facts = [
        f"seekers  {shown_line(lineup.names['seeker'])}",
        f"hiders   {shown_line(lineup.names['hider'])}",
        f"episode  {moment.number} of {moment.episodes}",
        f"wins     seekers {moment.wins[0]}, hiders {moment.wins[1]}",
    ]
    state = [moment.verdict] if moment.verdict else status.split("  ")[1:]
    clock = status.split("  ")[0]
    beside = columns >= _PICTURE_COLUMNS + _PANEL_COLUMNS
    if rows < _ROWS + (0 if beside else 1):
        picture = picture[1:-1]
    if not beside:
        return [f"{clock}  {'  '.join(state)}"[:columns], *picture][:rows]
    panel = [*facts, "", clock, *state, "", *LEGEND, "", "Ctrl-C leaves"]
    if rows < len(picture):
        panel += ["", f"(cut: needs {len(picture)} rows)"]
    wide = columns - _PICTURE_COLUMNS - 2
    panel += [""] * (len(picture) - len(panel))
    return [f"{line}  {text[:wide]}".rstrip() for line, text in zip(picture, panel, strict=True)][
        :rows
    ]
