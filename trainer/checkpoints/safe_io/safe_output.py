"""Makes standard output and error of a command safe, also when they are closed or broken.

Everything that is written passes through here: credentials of URLs are hidden, and control
characters of a file, a folder's name or a message cannot rewrite the terminal. What draws on the
terminal on purpose (a panel, a bar, a picture) writes to `drawing(stream)`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from trainer.checkpoints.safe_io.redaction import redacted

_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")
_KEPT = "\n\t"


class SafeOutput:
    """A text stream in front of another one, whose attributes it has.

    Attributes:
        failure: why the stream behind it no longer works; None: it does.
    """

    def __init__(
        self, stream: TextIO | None, *, required: bool, colored: Callable[[TextIO], bool]
    ) -> None:
        """Wraps a stream.

        Args:
            stream: None if the process was started with a closed descriptor.
            required: a write to a broken stream is an OSError; otherwise it is ignored.
            colored: whether a stream shows colors, which are then kept.
        """
        self.failure: OSError | None = None
        self._required = required
        if stream is None:
            self.failure = OSError(errno.EBADF, "it is closed")
            stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
        self._stream = stream
        self._colors = colored(stream)

    def write(self, text: str) -> int:
        self.pass_on(cleaned(redacted(text), self._colors))
        return len(text)

    def pass_on(self, text: str) -> None:
        """Writes a text unchanged."""
        self._try(lambda: self._stream.write(text))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, action: Callable[[], object]) -> None:
        if self.failure is None:
            try:
                action()
            except OSError as error:
                self.failure = error
                discard(self._stream)
        if self.failure is not None and self._required:
            raise self.failure


class _Past:
    """The same stream for texts of another kind: `prepare` does what is left to be done."""

    def __init__(self, output: SafeOutput, prepare: Callable[[str], str]) -> None:
        self._output, self._prepare = output, prepare

    def write(self, text: str) -> int:
        self._output.pass_on(self._prepare(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def as_it_is(stream: TextIO) -> TextIO:
    """The stream for a text whose parts were each made safe, and look unsafe only side by side."""
    return cast(TextIO, _Past(stream, str)) if isinstance(stream, SafeOutput) else stream


def drawing(stream: TextIO) -> TextIO:
    """The stream for cursor movements and colors; credentials are hidden all the same."""
    return cast(TextIO, _Past(stream, redacted)) if isinstance(stream, SafeOutput) else stream


def cleaned(text: str, colors: bool = False) -> str:
    """Text whose control characters are question marks, except for line ends and tabs.

    With `colors`, the sequences that only change the color of a terminal stay.
    """
    if text.isprintable():
        return text
    parts = _COLOR.split(text) if colors else [text]
    parts[::2] = [
        "".join(c if c.isprintable() or c in _KEPT else "?" for c in p) for p in parts[::2]
    ]
    return "".join(parts)


@contextlib.contextmanager
def safe_streams(*, required: bool, colored: Callable[[TextIO], bool]) -> Iterator[SafeOutput]:
    """Wraps stdout and stderr in a `SafeOutput` within the context. Yields the one of stdout.

    Args:
        required: a broken stdout is an OSError; otherwise (training) it is ignored. A broken
            stderr is always ignored.
        colored: whether a stream shows colors.
    """
    _occupy_closed_descriptors()
    kept = sys.stdin, sys.stdout, sys.stderr
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    out = SafeOutput(sys.stdout, required=required, colored=colored)
    sys.stdin = sys.stdin or io.StringIO()
    sys.stdout = cast(TextIO, out)
    sys.stderr = cast(TextIO, SafeOutput(sys.stderr, required=False, colored=colored))
    try:
        yield out
    finally:
        with contextlib.suppress(OSError):
            out.flush()
        sys.stderr.flush()
        sys.stdin, sys.stdout, sys.stderr = kept


def discard(stream: TextIO) -> None:
    """Redirects a broken stream to the null device, or the interpreter would report it at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def _occupy_closed_descriptors() -> None:
    """Opens the null device in place of closed standard descriptors.

    Otherwise the next opened file would get their number, and receive what is meant for them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.close(opened)
