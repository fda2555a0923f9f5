"""Reads and checks the layout of an untrusted safetensors file before its data is used.

Such a file holds 8 bytes with the length of a JSON header, the header, with "dtype", "shape" and
"data_offsets" by tensor name, and the data, little-endian. The tensors must fill the data one
after another, so that no byte is processed twice: 20,000 names may not share the same numbers.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from trainer.checkpoints.safe_io import safe_json

MAX_BYTES = 2**28
"""The largest file of a policy: 67 million float32 weights. Three layers of 4096 for actor and
critic each fit, more than any policy of this game needs."""
MAX_HEADER = 2**17
MAX_TENSORS = 1_000  # the deepest network has some 260
_MAX_DIMENSIONS = 8
_LENGTH = 8
_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4}
_BYTES |= {"I64": 8, "F64": 8}


class UnknownFormatError(ValueError):
    """The file is no safetensors file."""


@dataclass(frozen=True)
class Entry:
    """One tensor.

    Attributes:
        dtype: as safetensors calls it, such as "F32".
        shape: its dimensions.
        start: offset of its first byte in the file.
        size: bytes of its data.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


def read_layout(file: BinaryIO) -> dict[str, Entry]:
    """The tensors of an open file by name, in the order of its header.

    Raises:
        UnknownFormatError: it has no header.
        ValueError: its tensors do not fill it exactly, or it is larger than any policy.
    """
    size = os.fstat(file.fileno()).st_size
    if size > MAX_BYTES:
        raise ValueError(f"{size} bytes are more than {MAX_BYTES}")
    header, start = _header(file, size)
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise ValueError(f"{len(header)} tensors are more than {MAX_TENSORS}")
    found = {name: _entry(safe_json.shown(name), entry) for name, entry in header.items()}
    end = 0
    for name, entry in sorted(found.items(), key=lambda item: (item[1].start, item[1].size)):
        if entry.start != end:
            raise ValueError(f"{safe_json.shown(name)} does not begin where the one before ends")
        end += entry.size
    if start + end != size:
        raise ValueError(f"has {size - start} bytes of data, its tensors {end}")
    return {n: Entry(e.dtype, e.shape, e.start + start, e.size) for n, e in found.items()}


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    first = file.read(_LENGTH)
    length = struct.unpack("<Q", first)[0] if len(first) == _LENGTH else size
    if length > size - _LENGTH:
        raise UnknownFormatError("it has no header")
    if length > MAX_HEADER:
        raise ValueError(f"a header of {length} bytes is more than {MAX_HEADER}")
    try:
        return safe_json.decode(file.read(length)), _LENGTH + length
    except ValueError as error:
        raise UnknownFormatError(f"it has no header: {safe_json.first_line(error)}") from None


def _entry(name: str, entry: Any) -> Entry:
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        width = _BYTES[dtype]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{name} is described in another way than a tensor") from None
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"{name} has no shape")
    if not all(safe_json.is_size(number) for number in (*shape, start, end)):
        raise ValueError(f"{name} has sizes that are none")
    if math.prod(shape) * width != end - start:
        raise ValueError(f"{name} has another size than its shape")
    return Entry(dtype, tuple(shape), start, end - start)
