"""Looking through RLlib's state pickles before RLlib itself loads them.

RLlib reads its state files with plain `pickle.load`, which runs whatever a file asks for. The
states hold numpy arrays and ordinary containers only, so a file that names anything else is
refused.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

# The constructor arguments hold the whole configuration with its classes; they are never read.
_NEVER_READ = "class_and_ctor_args.pkl"

_ALLOWED = {
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
}


class UnsafePickle(ValueError):  # noqa: N818
    """A pickle that asks for more than numpy arrays and plain containers."""


class _AllowListUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise UnsafePickle(f"asks for {module}.{name}")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickle("asks for a persistent object")


def check_pickles(folder: Path) -> None:
    """Refuse the checkpoint at `folder` if one of the pickles that RLlib would read is not plain
    data.

    Raises:
        UnsafePickle: naming the file and what it asks for.
    """
    for path in sorted(folder.rglob("*.msgp*ck")):
        # RLlib would prefer it to the pickle beside it, and its reader falls back to pickle.
        raise UnsafePickle(f"{path}: refused, states in msgpack cannot be checked")
    for path in sorted(folder.rglob("*.pkl")):
        if path.name == _NEVER_READ:
            continue
        try:
            _AllowListUnpickler(io.BytesIO(path.read_bytes())).load()
        except UnsafePickle as error:
            raise UnsafePickle(f"{path}: refused, it {error}") from None
        except Exception as error:
            raise UnsafePickle(f"{path}: not a readable state file: {error}") from None
