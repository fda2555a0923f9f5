"""The frames of an episode as JSON values and back.

{"steps": 80, "columns": {"heading": {"frames": [[4, 12], [5, 12], ...]},
                          "layout": {"changes": [[0, 3]]}, ...}}

A trace of T steps has T + 1 frames: the world as it began, and after each step. A column has its
value in every frame, or only where it changes: [frame, value]. Numbers are exact: what is read back
equals what was written to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.checkpoints.safe_io import plain_values
from trainer.checkpoints.safe_io.safe_json import shown


def encode(frames: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The trace of frames [T + 1, ...] by name."""
    count = len(next(iter(frames.values())))
    columns = {name: _encoded(array) for name, array in frames.items()}
    return {"steps": count - 1, "columns": columns}


def decode(trace: Any, empty: Mapping[str, np.ndarray], most_steps: int) -> dict[str, np.ndarray]:
    """The frames [T + 1, ...] by name of a trace of unknown origin.

    Args:
        trace: what was read.
        empty: by name, an array of the shape and type of one frame.
        most_steps: the largest T that is accepted.

    Raises:
        ValueError: it is no trace of such frames; the message names the place.
    """
    trace = plain_values.mapping(trace, "trace", ("steps", "columns"))
    steps = plain_values.whole(trace["steps"], "trace.steps", 1, most_steps)
    columns = plain_values.mapping(trace["columns"], "trace.columns")
    return {
        name: _decoded(columns.get(name), f"trace.columns.{name}", steps + 1, one)
        for name, one in empty.items()
    }


def _encoded(array: np.ndarray) -> dict[str, list[Any]]:
    values = _plain(array)
    flat = array.reshape(len(array), -1)
    changed = np.flatnonzero((flat[1:] != flat[:-1]).any(axis=1)) + 1
    if 2 * len(changed) >= len(array):
        return {"frames": values}
    return {"changes": [[at, values[at]] for at in (0, *changed.tolist())]}


def _plain(array: np.ndarray) -> list[Any]:
    """Nested lists; float32 in the fewest digits that give the same number again."""
    if array.dtype == np.bool_:
        array = array.astype(np.int8)
    elif array.dtype == np.float32:
        short = [float(str(value)) for value in array.ravel()]
        array = np.array(short, np.float64).reshape(array.shape)
    values: list[Any] = array.tolist()
    return values


def _decoded(column: Any, name: str, count: int, one: np.ndarray) -> np.ndarray:
    column = plain_values.mapping(column, name)
    if "frames" in column:
        return _array(plain_values.sequence(column["frames"], name), name, one, count)
    changes = plain_values.sequence(column.get("changes"), name)
    pairs = [plain_values.sequence(change, name) for change in changes]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{name} has a change that is not [frame, value]")
    starts = [plain_values.whole(at, name, 0, count - 1) for at, _ in pairs]
    if starts[:1] != [0] or starts != sorted(set(starts)):
        raise ValueError(f"{name} has changes that do not ascend from frame 0")
    values = _array([value for _, value in pairs], name, one, len(pairs))
    return np.repeat(values, np.diff([*starts, count]), axis=0)


def _array(values: list[Any], name: str, one: np.ndarray, count: int) -> np.ndarray:
    """Plain numbers as an array [count, ...] of the type of `one`."""
    _check_numbers(values, name)  # before numpy makes room for the longest of a million texts
    try:
        array = np.array(values)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, object)
    if array.shape != (count, *one.shape):
        raise ValueError(f"{name} is no array of shape {(count, *one.shape)}")
    wanted = "iuf" if one.dtype.kind == "f" else "iu"
    if array.dtype.kind not in wanted:
        raise ValueError(f"{name} holds something else than {one.dtype}")
    if one.dtype.kind == "b":
        low, high = 0.0, 1.0
    else:
        limits = np.finfo(one.dtype) if one.dtype.kind == "f" else np.iinfo(one.dtype)
        low, high = float(limits.min), float(limits.max)
    if not np.all((array >= low) & (array <= high)):  # a nan is neither
        raise ValueError(f"{name} holds a number that is not from {low:g} to {high:g}")
    return array.astype(one.dtype)


def _check_numbers(values: list[Any], name: str) -> None:
    """Raises ValueError unless nested lists hold nothing but numbers."""
    waiting = [values]
    while waiting:
        for value in waiting.pop():
            if type(value) is list:
                waiting.append(value)
            elif type(value) not in (int, float):
                raise ValueError(f"{name} holds {shown(value)}, not a number")
