"""The code of a job: the files of a folder in an archive, as Ray takes it for a `working_dir`."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from trainer.checkpoints import layout
from trainer.errors import UsageError
from trainer.reporting.formatting import size
from trainer.shown_commands import shown_path

LIMIT = 100 * 2**20
"""Bytes of an upload that Ray's dashboard takes (`DASHBOARD_CLIENT_MAX_SIZE`)."""

ANYWHERE = (".*", "node_modules", "*.pyc", "*.egg-info", "venv")
"""Left out wherever they lie, by their name. Compiled kernels do travel: making them takes time."""
AT_THE_TOP = (
    *("checkpoints", "checkpoints_*", "runs", "sweeps", "sessions", "mlruns", "tests", "build"),
    *("dist", "docs", "*.gif", "*.png", "*.onnx", "*.pt2"),
)
"""Left out at the top of the folder: what training writes, and what it does not need."""
_SHIPPED = "trainer/shipped"  # trained policies that are a part of the code
_KERNELS = "envs/jit.py"
_LEARNS = "trainer/engine/"  # compiled by training alone; a demo compiles the game and the players
_NAMED = 3  # folders in the message that it is too large
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Package:
    """The files that a job gets.

    Attributes:
        folder: where they lie.
        files: paths relative to it with their bytes, sorted.
    """

    folder: Path
    files: dict[str, int]

    @classmethod
    def of(cls, folder: Path, excludes: Iterable[str] = ()) -> Package:
        """What of a folder is shipped; `excludes` are patterns of paths or names.

        Raises:
            UsageError: it is no folder, or what is left is more than Ray takes.
        """
        if not folder.is_dir():
            raise UsageError(f"--working-dir {shown_path(folder)}: no such folder")
        package = cls(folder, dict(sorted(_found(folder, "", tuple(excludes)))))
        if package.size >= LIMIT:
            raise UsageError(
                f"--working-dir {shown_path(folder)}: {size(package.size)} are more than the "
                f"{size(LIMIT)} that Ray takes; the largest are {package.largest()}; leave some "
                "out with --exclude NAME"
            )
        return package

    @property
    def size(self) -> int:
        """Bytes before they are packed."""
        return sum(self.files.values())

    @property
    def lacks_kernels(self) -> bool:
        """Whether the project's code is among them, but not as compiled for training."""
        compiled = (name for name in self.files if name.endswith(".nbi"))
        return _KERNELS in self.files and not any(name.startswith(_LEARNS) for name in compiled)

    def holds(self, path: Path) -> bool:
        """Whether a file of this machine is among them."""
        absolute = path if path.is_absolute() else self.folder / path
        try:
            inside = absolute.resolve().relative_to(self.folder.resolve())
        except (OSError, ValueError):
            return False
        return inside.as_posix() in self.files

    def largest(self) -> str:
        """The folders (and files at the top) that take most: `data 90.1 MB, models 12.0 MB`."""
        sums = Counter[str]()
        for name, count in self.files.items():
            sums[name.partition("/")[0]] += count
        return ", ".join(f"{name} {size(count)}" for name, count in sums.most_common(_NAMED))

    def write(self, archive: Path) -> int:
        """Packs the files; the same ones give the same bytes. Returns the size of the archive."""
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for name in self.files:
                path = self.folder / name
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
                target.writestr(entry, path.read_bytes())
        return archive.stat().st_size


def _found(folder: Path, prefix: str, excludes: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if _left_out(name, entry.name, excludes):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _found(Path(entry.path), f"{name}/", excludes)
            elif entry.is_file():  # a pipe or a socket is no code; a link is what it leads to
                found = entry.stat()
                if stat.S_ISREG(found.st_mode):
                    yield name, found.st_size


def _left_out(path: str, name: str, excludes: tuple[str, ...]) -> bool:
    if any(fnmatch(name, pattern) for pattern in ANYWHERE):
        return True
    if path == name and any(fnmatch(name, pattern) for pattern in AT_THE_TOP):
        return True
    if layout.iteration_of(name) is not None and not path.startswith(f"{_SHIPPED}/"):
        return True
    return any(fnmatch(path, text) or fnmatch(name, text) for text in excludes)
