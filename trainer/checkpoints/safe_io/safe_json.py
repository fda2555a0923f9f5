"""Reading JSON files that anybody may have written: bounded in size, depth and kind of file.

And showing what was read, or given: `shown` and `shown_line`.
"""

from __future__ import annotations

import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

from trainer.checkpoints.safe_io.redaction import redacted

MAX_BYTES = 4 * 2**20  # of a document whose kind has no limit of its own
MAX_VALUES = 100_000  # a value of 3 bytes takes 70 in memory, so bytes alone bound little
MAX_DEPTH = 64  # what is written here has 4
MAX_SIZE = 2**63  # of a file, in bytes; anything above is no file size
_SHOWN = 100
_CAREFULLY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"))


def read(path: Path, limit: int = MAX_BYTES, values: int = MAX_VALUES) -> dict[str, Any]:
    """The object in a JSON file. OSError if there is none, ValueError if it is not usable.

    A link, a pipe or a device is not followed: it could lead anywhere or never end.
    """
    return decode(read_bytes(path, limit), values)


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a plain file of a bearable size. OSError or ValueError otherwise."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"{path.name} has {size} bytes, more than {limit}")
        return file.read(limit)


def open_plain(path: Path) -> BufferedReader:
    """Open a plain file for reading. OSError if it is not there, ValueError if it is none."""
    return os.fdopen(plain_descriptor(path, os.O_RDONLY), "rb")


def plain_descriptor(path: Path, flags: int) -> int:
    """`os.open` for plain files alone: no link is followed, no pipe waited for.

    Neither the look before nor the one after would do alone: opening a device may set it going,
    and what lies there may be exchanged in between. OSError, or ValueError if it is no plain file.
    """
    if os.path.lexists(path):
        _check_plain(path, os.lstat(path).st_mode)
    descriptor = os.open(path, flags | _CAREFULLY, 0o666)
    try:
        _check_plain(path, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def decode(text: str | bytes, values: int = MAX_VALUES) -> dict[str, Any]:
    """The object in a JSON text. ValueError if there is none, or it is absurdly deep or full."""
    # Before any of them is made. In a text these count as well, which does no harm.
    if sum(_counts(text)) > values:
        raise ValueError(f"more than {values} values")
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    _check_depth(document)
    return document


def _counts(text: str | bytes) -> list[int]:
    if isinstance(text, str):
        return [text.count(sign) for sign in ",:[{"]
    return [text.count(sign) for sign in (b",", b":", b"[", b"{")]


def is_size(value: Any) -> bool:
    """Whether a JSON value can be a number of bytes."""
    return type(value) is int and 0 <= value < MAX_SIZE


def shown(value: Any) -> str:
    """A value from outside for a message: short, and without control characters."""
    try:
        text = str(value)
    except ValueError:  # an integer of more digits than Python converts
        text = "a huge number"
    text = shown_line(text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def first_line(error: BaseException) -> str:
    """The first line of an error's message, else its type."""
    lines = str(error).splitlines()
    return shown_line(lines[0]) if lines and lines[0].strip() else type(error).__name__


def shown_line(line: str) -> str:
    """A line without the credentials of URLs, control characters made visible as question marks."""
    line = redacted(line)
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


def _check_plain(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path.name} is not a plain file")


def _check_depth(document: Any) -> None:
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(v for v in item.values() if isinstance(v, dict | list))
            else:
                inner.extend(v for v in item if isinstance(v, dict | list))
        level = inner
