"""Sidecar files: what a user recorded about checkpoints, in a file beside them.

A checkpoint is sealed by its manifest, so its pin and its name are in `pins.json` and `labels.json`
of the folder. They protect checkpoints: a listing ignores a broken file, but nothing is deleted
while one is broken, as a slip in it would cost what it protects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeGuard, TypeVar

from trainer.checkpoints import atomic, locks, metadata
from trainer.checkpoints.errors import SidecarUnreadable
from trainer.checkpoints.safe_io import safe_json

FORMAT = 1
MAX_BYTES = 2**20
_HIGHEST = 10**15

Value = TypeVar("Value")


@dataclass(frozen=True)
class Sidecar(Generic[Value]):
    """One kind of such a file: a value by iteration.

    Attributes:
        name: of the file.
        key: of its content in the JSON object, beside "format".
        decode: from the JSON value of that key to the content; ValueError if it is not valid.
        encode: from the content to the JSON value.
    """

    name: str
    key: str
    decode: Callable[[Any], Mapping[int, Value]]
    encode: Callable[[Mapping[int, Value]], Any]

    def read(self, directory: Path) -> Mapping[int, Value]:
        """The content of the file, nothing if it is absent.

        Raises:
            SidecarUnreadable: the file exists and is not valid.
        """
        path = directory / self.name
        try:
            document = safe_json.read(path, MAX_BYTES)
            _check_format(document)
            return self.decode(document.get(self.key))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SidecarUnreadable(path, safe_json.first_line(error)) from None

    def change(
        self, directory: Path, edit: Callable[[Mapping[int, Value]], Mapping[int, Value]]
    ) -> bool:
        """Replaces the content by `edit(content)`. Returns whether anything changed.

        Raises:
            SidecarUnreadable: the file is not valid.
            CheckpointsInUse: another process holds the folder's mutex for long.
            OSError: the file cannot be written.
        """
        with locks.mutex(directory):
            before = self.read(directory)
            after = edit(before)
            if after == before:
                return False
            document = {"format": FORMAT, self.key: self.encode(after)}
            atomic.write_text(directory / self.name, metadata.encode(document))
            return True

    def remove(self, directory: Path, iterations: Collection[int]) -> bool:
        """Removes values. Returns whether anything changed; raises as `change`."""
        return self.change(
            directory, lambda before: {i: v for i, v in before.items() if i not in iterations}
        )

    def move(self, source: Path, target: Path, after: int) -> None:
        """Moves the values of iterations above `after` to another folder."""
        moved = {i: value for i, value in self.read(source).items() if i > after}
        if moved:
            self.change(target, lambda before: {**before, **moved})
            self.remove(source, moved)


def is_iteration(value: Any) -> TypeGuard[int]:
    """Whether a JSON value can be the iteration of a checkpoint."""
    return type(value) is int and 0 <= value <= _HIGHEST


def _check_format(document: Mapping[str, Any]) -> None:
    given = document.get("format")
    if type(given) is not int or given != FORMAT:
        raise ValueError(f"format {safe_json.shown(given)} is unknown; this version reads {FORMAT}")
