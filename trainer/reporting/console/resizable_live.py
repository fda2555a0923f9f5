"""rich's Live for a terminal whose size changes, and which may go away."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live
from rich.live_render import LiveRender
from rich.segment import ControlType


class ResizableLive(Live):
    """Leaves no pieces of old drawings behind when the terminal becomes narrower.

    Attributes:
        lost: whether the terminal has gone; rich draws from a thread of its own too, whose errors
            nobody would hear of.
    """

    def __init__(self, console: Console, get_renderable: Callable[[], RenderableType]) -> None:
        self.lost = False
        super().__init__(
            console=console,
            get_renderable=get_renderable,
            refresh_per_second=1,
            # What goes to a file or a pipe belongs there, not above the drawing.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )
        self._live_render = _ReflowedRender(console, self.get_renderable())

    def refresh(self) -> None:
        """Draws anew; a terminal that has gone is noted."""
        try:
            super().refresh()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self.lost = True

    def stop(self) -> None:
        """The last drawing stays; output goes its own ways again, whatever the terminal says."""
        with contextlib.suppress(OSError, ValueError):
            super().stop()


class _ReflowedRender(LiveRender):
    """Knows how many rows its last drawing takes up in a terminal that is narrower by now.

    Terminals break the lines of a drawing that have become too long, so that going back to its
    beginning takes more rows than it had lines. (xterm cuts them off instead: there a line or two
    of the text above are overwritten.)
    """

    def __init__(self, console: Console, renderable: RenderableType) -> None:
        super().__init__(renderable)
        self._console = console
        self._rows = console.size.height  # of the terminal, at the last drawing
        self._pushed_out = 0  # rows of old drawings that a low terminal has pushed out at its top

    def position_cursor(self) -> Control:
        if self._shape is None:
            return Control()
        columns, rows = self._console.size
        width, height = self._shape
        taken = height * max(1, -(-width // columns))
        # A terminal that grows brings back what it had pushed out.
        back = min(self._pushed_out, max(0, rows - self._rows))
        self._pushed_out += max(0, taken - rows) - back
        self._rows, taken = rows, min(taken + back, rows)
        up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        return Control(
            ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *(up * (taken - 1))
        )
