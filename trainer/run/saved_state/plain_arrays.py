"""Arrays from bytes of unknown origin: plain number types, shapes that fit the bytes.

numpy is asked only for what has been checked already; no header, dtype or state of a file reaches
it.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.safe_io import safe_json

MAX_BYTES = 2**30  # of an array
MAX_FILE = 2**27  # of a runner's worlds, which have some hundred bytes each
_MAX_DIMENSIONS = 8
_MAX_MEMBERS = 64
_KINDS = (
    *("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"),
    *("f2", "f4", "f8", "c8", "c16"),
)
_DTYPES = {kind: np.dtype(f"<{kind}") for kind in _KINDS}
_ORDERS = ("<", "|")  # of this machine, or a single byte

# What numpy writes since 1.0 for arrays of plain numbers, and nothing else.
_HEADER = re.compile(
    rb"\{'descr': '([<|])(\w{2,3})', 'fortran_order': (True|False), "
    rb"'shape': \((\d{1,18}(?:, \d{1,18}){0,7})?,?\), \} *\n"
)


def plain_dtype(order: str, kind: str) -> np.dtype[Any]:
    """The type of numbers such as ("<", "f4"); ValueError for anything but plain numbers."""
    if kind not in _DTYPES or order not in _ORDERS:
        raise ValueError(f"no plain number type: {safe_json.shown(f'{order}{kind}')}")
    if (order == "|") is not (_DTYPES[kind].itemsize == 1):
        raise ValueError(f"{kind} with byte order {order}")
    return _DTYPES[kind]


def plain_array(
    data: bytes | bytearray, dtype: np.dtype[Any], shape: Sequence[Any], *, fortran: bool = False
) -> np.ndarray:
    """A new array; ValueError unless the shape is valid and fills the bytes exactly."""
    if len(shape) > _MAX_DIMENSIONS or any(
        type(size) is not int or not 0 <= size <= MAX_BYTES for size in shape
    ):
        raise ValueError(f"no shape of an array: {safe_json.shown(shape)}")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes do not make an array {tuple(shape)} of {dtype}")
    if dtype == np.bool_ and data.translate(None, b"\0\1"):
        raise ValueError("holds truth values that are neither 0 nor 1")
    flat = np.frombuffer(bytearray(data), dtype) if data else np.empty(0, dtype)
    return flat.reshape(tuple(shape), order="F" if fortran else "C")


def read_npz(path: Path, limit: int = MAX_FILE) -> dict[str, np.ndarray]:
    """The arrays of a file that `np.savez` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a plain file with plain arrays in it.
    """
    content = safe_json.read_bytes(path, limit)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _arrays(archive, len(content))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path.name}: {safe_json.first_line(error)}") from None


def _arrays(archive: zipfile.ZipFile, budget: int) -> dict[str, np.ndarray]:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise ValueError(f"{len(members)} arrays are too many")
    found = {}
    for member in members:
        # Stored without compression, so nothing can expand beyond the size of the file.
        budget -= member.file_size
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 or budget < 0:
            raise ValueError("its arrays are packed")
        name = member.filename.removesuffix(".npy")
        if not name.isidentifier() or name == member.filename or name in found:
            raise ValueError(f"no name of an array: {safe_json.shown(member.filename)}")
        found[name] = _parse_npy(archive.read(member), name)
    return found


def _parse_npy(content: bytes, name: str) -> np.ndarray:
    start = 10 + int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10:start])
    if not content.startswith(b"\x93NUMPY\x01\x00") or header is None:
        raise ValueError(f"{name} is no array of plain numbers")
    order, kind, fortran, sizes = header.groups()
    dtype = plain_dtype(order.decode(), kind.decode("ascii", "replace"))
    shape = [int(size) for size in (sizes or b"").split(b",") if size.strip()]
    return plain_array(content[start:], dtype, shape, fortran=fortran == b"True")
