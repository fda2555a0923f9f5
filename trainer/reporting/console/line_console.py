"""One line of text per iteration, for logs and pipes."""

from __future__ import annotations

import math
from typing import TextIO

from trainer.checkpoints.safe_io.safe_output import discard
from trainer.reporting.console.console import Console, Row, pairs, start_line
from trainer.reporting.console.line_columns import columns, fixed, header

HEADER_EVERY = 25  # lines


class LineConsole(Console):
    """Plain text for logs and pipes: no colors, no cursor movements."""

    def __init__(self, stream: TextIO, quiet: bool = False) -> None:
        """`quiet` leaves only the start, the checkpoints, the warnings and the end."""
        super().__init__(stream)
        self.quiet = quiet
        self._lines = 0  # since the last header
        self._silent = False

    def _show_checkpoint(self, path: str, row: Row) -> None:
        reward = fixed(row.get("reward_mean", math.nan), 0, 2)
        self._print(f"saved {path}  iteration {row['iteration']}  reward {reward}")

    def _show_message(self, text: str, level: str) -> None:
        if level == "info" and self.quiet:
            return
        self._print(text if level == "info" else f"{level}: {text}")

    def _show_start(self, first_iteration: int, info: dict[str, object]) -> None:
        self._print(start_line(first_iteration, self.total))
        self._print(*pairs(info))
        self._lines = 0

    def _show_iteration(self, row: Row) -> None:
        if self.quiet:
            return
        groups = columns(row, self.evaluation, self.progress(), self.eta_seconds())
        if self._lines % HEADER_EVERY == 0:
            self._print(*header(groups))
        self._lines += 1
        self._print(" | ".join("  ".join(text for _, text in group) for _, group in groups))

    def _show_end(self, summary: dict[str, object], next_commands: list[str]) -> None:
        self._print(*pairs(summary))
        if next_commands:
            self._print("next:", *(f"  {command}" for command in next_commands))

    def _print(self, *lines: str) -> None:
        if self._silent or not lines:
            return
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        text = "".join(f"{line}\n" for line in lines)
        try:
            self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self.stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._silent = True
            discard(self.stream)
