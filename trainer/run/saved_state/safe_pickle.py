"""Reads RLlib's state pickles without unpickling them.

RLlib reads its state files with plain `pickle.load`, which runs whatever a file asks for; a list of
allowed globals is not enough, for numpy's own objects can be made to read and write memory that is
not theirs. So a file is interpreted here, operation by operation, into plain values: numbers,
strings, lists, dictionaries, and arrays made from checked parts. Only the operations, the few
globals and the forms that occur in RLlib's states are known; anything else is refused before
memory is allocated for it.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.safe_io import safe_json
from trainer.run.saved_state.pickle_machine import ATOMS, Machine, UnsafePickle, kind_of

__all__ = ["UnsafePickle", "decode", "read_pickle"]

MAX_BYTES = 8 * 2**20  # of a file without weights; RLlib's statistics are some thousand
MAX_OPERATIONS = 200_000  # of one file; RLlib's largest has some thousand
MAX_DEPTH = 32


def read_pickle(path: Path, limit: int = MAX_BYTES) -> Any:
    """The plain values in one of RLlib's state files.

    Raises:
        OSError: it cannot be read.
        UnsafePickle: it holds more than plain values; names the file and the reason.
    """
    try:
        return decode(safe_json.read_bytes(path, limit))
    except UnsafePickle as error:
        raise UnsafePickle(f"{path}: refused, it {error}") from None
    except ValueError as error:
        raise UnsafePickle(
            f"{path}: not a readable state file: {safe_json.first_line(error)}"
        ) from None


def decode(data: bytes) -> Any:
    """The plain values in a pickle; UnsafePickle or ValueError if it holds anything else."""
    machine = Machine(len(data))
    end = 0
    # genops only splits the file into operations, none longer than the rest of the file.
    for count, (operation, argument, position) in enumerate(pickletools.genops(data)):
        if count >= MAX_OPERATIONS:
            raise UnsafePickle(f"has more than {MAX_OPERATIONS} operations")
        if operation.name == "STOP":
            end = (position or 0) + 1
            break
        machine.run(operation.name, argument)
    if end != len(data):
        raise UnsafePickle("has data after its end")
    value = machine.result()
    _check_tree(value)
    return value


def _check_tree(value: Any) -> None:
    """Checks that no stand-in is left and that nothing is nested too deeply."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise UnsafePickle("is nested too deeply")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif type(item) in (list, tuple):
                inner.extend(item)
            elif not isinstance(item, (*ATOMS, np.ndarray, np.generic)):
                raise UnsafePickle(f"holds a {kind_of(item)} that is no value")
        level = inner
