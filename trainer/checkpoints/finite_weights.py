"""Checks that the weights in a policy's safetensors file are finite, without torch or numpy.

A file of another format is left to its loader. A malformed safetensors file is refused by the same
check as the loader's (`tensor_file`).
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from trainer.checkpoints import layout
from trainer.checkpoints.safe_io import safe_json, tensor_file

_FLOATS = {"F32": "f", "F64": "d"}  # what is written here; other types have no infinity, or no use
_PIECE = 2**20  # bytes at a time; whole numbers of both


def not_finite(path: Path) -> list[str]:
    """The names of the tensors that hold a NaN or an infinity; none in a file of another format.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is a safetensors file that no policy has.
    """
    with safe_json.open_plain(path) as file:
        try:
            tensors = tensor_file.read_layout(file)
        except tensor_file.UnknownFormatError:
            return []
        return [
            name
            for name, entry in tensors.items()
            if entry.dtype in _FLOATS and not all(map(_finite, _pieces(file, entry)))
        ]


def is_weights(name: str) -> bool:
    """Whether the name of a checkpoint's file is that of a policy's weights."""
    return name.startswith(f"{layout.POLICIES}/") and name.endswith(f"/{layout.POLICY_FILES[0]}")


def problems(folder: Path, files: Iterable[str]) -> Iterator[str]:
    """The weight files that are not finite or not valid, one line each."""
    for name in filter(is_weights, files):
        try:
            broken = not_finite(folder / name)
        except ValueError as error:
            yield f"{name}: no policy's weights: {safe_json.first_line(error)}"
            continue
        for tensor in broken[:1]:
            yield f"{name}: {tensor} is not finite, the training had diverged"


def _pieces(file: BinaryIO, entry: tensor_file.Entry) -> Iterator[array[float]]:
    file.seek(entry.start)
    for done in range(0, entry.size, _PIECE):
        values: array[float] = array(_FLOATS[entry.dtype])
        values.frombytes(file.read(min(_PIECE, entry.size - done)))
        if sys.byteorder == "big":
            values.byteswap()
        yield values


def _finite(values: array[float]) -> bool:
    # A sum is finite only if all of its terms are; checking one by one takes twice as long.
    return math.isfinite(sum(values)) or all(map(math.isfinite, values))
