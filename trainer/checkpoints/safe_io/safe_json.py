"""Reads untrusted JSON files, bounded in size, depth and kind of file.

`shown` and `shown_line` make untrusted values safe to print.
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
    """The object in a JSON file.

    A link, a pipe or a device is not followed: it could lead anywhere or never end.

    Raises:
        OSError: the file is absent or not readable.
        ValueError: it is no plain file, too large, or not a JSON object.
    """
    return decode(read_bytes(path, limit), values)


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a plain file of at most `limit` bytes.

    Raises:
        OSError: the file is absent or not readable.
        ValueError: it is no plain file, or larger.
    """
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"{path.name} has {size} bytes, more than {limit}")
        return file.read(limit)


def open_plain(path: Path) -> BufferedReader:
    """Opens a plain file for reading.

    Raises:
        OSError: the file is absent or not readable.
        ValueError: it is no plain file.
    """
    return os.fdopen(plain_descriptor(path, os.O_RDONLY), "rb")


def plain_descriptor(path: Path, flags: int) -> int:
    """`os.open` for plain files only: follows no link and waits for no pipe.

    The file is checked before, as opening a device may have effects, and after, as it may have
    been exchanged in between.

    Raises:
        OSError: the system refused.
        ValueError: it is no plain file.
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


def decode(text: bytes, values: int = MAX_VALUES) -> dict[str, Any]:
    """The object in a JSON text.

    Raises:
        ValueError: it is no JSON object, nested too deeply, or of more than `values` values.
    """
    # Counted before any is made; signs inside of strings count too, which does no harm.
    if sum(map(text.count, (b",", b":", b"[", b"{"))) > values:
        raise ValueError(f"more than {values} values")
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    _check_depth(document)
    return document


def is_size(value: Any) -> bool:
    """Whether a JSON value is a valid number of bytes."""
    return type(value) is int and 0 <= value < MAX_SIZE


def shown(value: Any) -> str:
    """An untrusted value for a message: short, without credentials or control characters."""
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
    """A line without the credentials of URLs, and with question marks for control characters."""
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
