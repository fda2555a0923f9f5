"""The choice between a window, text and no picture at all."""

from __future__ import annotations

import sys

from envs.render.window import has_display
from trainer.errors import UsageError
from trainer.reporting.terminal import moves_cursor


def render_mode(asked: str | None) -> str:
    """The mode that was asked for, else the best that the machine can show.

    Raises:
        UsageError: a window is asked for where there is no display.
    """
    if asked == "human" and not has_display():
        raise UsageError("--render human: there is no display; use --render ansi or --record")
    if asked is not None:
        return asked
    return "human" if has_display() else without_display()


def without_display() -> str:
    """The default of a machine without a display."""
    return "ansi" if moves_cursor(sys.stdout) else "none"
