"""What an output stream can show: cursor movements, colors, Unicode. Imports nothing heavy.

Two facts stand elsewhere: whether there is a display in `envs.render.window`, and what happens
when a stream breaks in `trainer.checkpoints.safe_io.safe_output`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TextIO

_PLAIN_TERMS = ("dumb", "unknown")  # values of TERM without control sequences


@dataclass(frozen=True)
class Style:
    """What the text of a command may use: emoji, and colors as ANSI codes."""

    emoji: bool = False
    color: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """The style that fits a stream; emoji are for terminals only."""
        return cls(emoji=stream.isatty() and is_unicode(stream), color=shows_color(stream))

    def icon(self, symbol: str) -> str:
        """The symbol with a space after it, or nothing."""
        return f"{symbol} " if self.emoji else ""

    def paint(self, text: str, code: str) -> str:
        """The text in a color: "1" bold, "31" red, "32" green, "36" cyan."""
        return f"\033[{code}m{text}\033[0m" if self.color and text else text


def moves_cursor(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can be drawn on in place."""
    return stream.isatty() and os.environ.get("TERM", "") not in _PLAIN_TERMS


def shows_color(stream: TextIO) -> bool:
    """Whether to color: on terminals, where FORCE_COLOR is set, never where NO_COLOR is."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or moves_cursor(stream)


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream's encoding has all of Unicode: lines, blocks, emoji."""
    return (getattr(stream, "encoding", None) or "").lower().startswith("utf")


def can_ask() -> bool:
    """Whether there is a user at a terminal to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()
