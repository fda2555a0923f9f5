"""The choice of the console that fits the output."""

from __future__ import annotations

import sys
from typing import TextIO

from trainer.checkpoints.safe_io.safe_output import drawing
from trainer.reporting.console.console import Console
from trainer.reporting.console.line_console import LineConsole
from trainer.reporting.terminal import is_unicode, moves_cursor


def make_console(quiet: bool = False, stream: TextIO | None = None) -> Console:
    """The console that fits the output (default: stdout): a live panel, lines, or next to nothing.

    The panel needs a terminal that can move the cursor and show Unicode.
    """
    stream = stream or sys.stdout
    if quiet or not (moves_cursor(stream) and is_unicode(stream)):
        return LineConsole(stream, quiet)
    from trainer.reporting.console.live_console import LiveConsole

    return LiveConsole(drawing(stream))
