"""Sidecar files: what a user recorded about checkpoints, in a file beside them.

A checkpoint is sealed by its manifest, so its pin and its name are in `pins.json` and `labels.json`
of the folder. They protect checkpoints: a listing ignores a broken file, but nothing is deleted
while one is broken, as a slip in it would cost what it protects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeGuard, TypeVar

from trainer.checkpoints import atomic, locks, metadata
from trainer.checkpoints.errors import SidecarUnreadable
from trainer.checkpoints.safe_io import safe_json

FORMAT = 1
MAX_BYTES = 2**20
_HIGHEST = 10**15

Content = TypeVar("Content")


@dataclass(frozen=True)
class Sidecar(Generic[Content]):
    """One kind of such a file.

    Attributes:
        name: of the file.
        key: of its content in the JSON object, beside "format".
        decode: from the JSON value of that key to the content; ValueError if it is not valid.
        encode: from the content to the JSON value.
        empty: the content if there is no file.
    """

    name: str
    key: str
    decode: Callable[[Any], Content]
    encode: Callable[[Content], Any]
    empty: Content

    def read(self, directory: Path) -> Content:
        """The content of the file.

        Raises:
            SidecarUnreadable: the file exists and is not valid.
        """
        path = directory / self.name
        try:
            document = safe_json.decode(safe_json.read_bytes(path, MAX_BYTES))
            _check_format(document)
            return self.decode(document.get(self.key))
        except FileNotFoundError:
            return self.empty
        except (OSError, ValueError) as error:
            raise SidecarUnreadable(path, safe_json.first_line(error)) from None

    def change(self, directory: Path, edit: Callable[[Content], Content]) -> bool:
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


def is_iteration(value: Any) -> TypeGuard[int]:
    """Whether a JSON value can be the iteration of a checkpoint."""
    return type(value) is int and 0 <= value <= _HIGHEST


def _check_format(document: Mapping[str, Any]) -> None:
    given = document.get("format")
    if type(given) is not int or given != FORMAT:
        raise ValueError(f"format {safe_json.shown(given)} is unknown; this version reads {FORMAT}")
