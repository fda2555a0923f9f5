"""What the machine and the output can show."""

from __future__ import annotations

import os
import sys

from trainer.errors import UsageError


def render_mode(asked: str | None) -> str:
    """How to show the game. UsageError if a window is asked for where there is no display."""
    if asked == "human" and not has_display():
        raise UsageError("--render human: there is no display; use --render ansi or --record")
    if asked is not None:
        return asked
    if has_display():
        return "human"
    return without_display()


def without_display() -> str:
    """The default of a machine without a display."""
    return "ansi" if draws_in_place() else "none"


def has_display() -> bool:
    """Whether a window is worth trying."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def draws_in_place() -> bool:
    """Whether stdout is a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def color_wanted() -> bool:
    """Colors on a terminal only; NO_COLOR turns them off."""
    return draws_in_place() and not os.environ.get("NO_COLOR")
