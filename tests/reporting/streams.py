"""A stream that stands in for a terminal, and what was written to a console."""

from __future__ import annotations

import io

from trainer.reporting.console.console import Console


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal of an encoding."""

    encoding = "utf-8"

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self.encoding = encoding

    def isatty(self) -> bool:
        return True


def written(console: Console) -> str:
    assert isinstance(console.stream, io.StringIO)
    return console.stream.getvalue()
