"""Streams that stand in for a terminal."""

from __future__ import annotations

import io


class FakeTerminal(io.TextIOWrapper):
    """A terminal of an encoding; `text` is what has been written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)
