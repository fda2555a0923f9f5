"""Whether the weights of a policy's safetensors file are numbers, without torch or numpy.

Such a file is 8 bytes with the length of a JSON header, the header, which has a "dtype" and
"data_offsets" for each name, and the data, little-endian. What is no such file is for its loader to
refuse.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.checkpoints import documents

_FLOATS = {"F32": "f", "F64": "d"}  # what is written here; other types have no infinity, or no use


def not_finite(path: Path) -> list[str]:
    """The names of the tensors in a file that hold a NaN or an infinity.

    OSError if the file cannot be read; nothing is found in a file of another format.
    """
    content = memoryview(path.read_bytes())
    try:
        (length,) = struct.unpack_from("<Q", content)
        header = documents.decode(bytes(content[8 : 8 + length]))
    except (struct.error, ValueError):
        return []
    return [name for name, values in _floats(header, content[8 + length :]) if not _finite(values)]


def _floats(header: dict[str, Any], data: memoryview) -> Iterator[tuple[str, array[float]]]:
    for name, entry in header.items():
        try:
            values: array[float] = array(_FLOATS[entry["dtype"]])
            start, end = entry["data_offsets"]
            values.frombytes(data[start:end])
        except (KeyError, TypeError, ValueError):
            continue
        if sys.byteorder == "big":
            values.byteswap()
        yield name, values


def _finite(values: array[float]) -> bool:
    return all(map(math.isfinite, values))
