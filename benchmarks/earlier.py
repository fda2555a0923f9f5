"""The project as it was at an earlier commit, laid out in a folder to be measured beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from trainer.project import PROJECT_ROOT, cache_dir

COMMIT = "69ce659"
"""Before the fused engine: everything by torch, one thread in a rollout."""

_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", re.MULTILINE)


class NotThere(RuntimeError):  # noqa: N818 - reads as the state it reports
    """The earlier project cannot be measured here; the message says why."""


@contextmanager
def earlier_tree(commit: str = COMMIT, root: Path = PROJECT_ROOT) -> Iterator[Path]:
    """The files of a commit in a temporary folder, removed afterwards.

    An archive, not a git worktree: nothing is left in the repository, however this process ends.

    Raises:
        NotThere: git, the commit or a package that it needs is not there.
    """
    if shutil.which("git") is None:
        raise NotThere("git is not installed")
    git = ["git", "-C", str(root)]
    known = subprocess.run(
        [*git, "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True, check=False
    )
    if known.returncode != 0:
        raise NotThere(
            f"there is no commit {commit} here: not a checkout, or a shallow clone "
            "(git fetch --unshallow brings it)"
        )
    with tempfile.TemporaryDirectory(prefix=f"at-{commit}-", dir=cache_dir()) as name:
        tree = Path(name)
        archive = tree.with_suffix(".tar")
        try:
            subprocess.run([*git, "archive", f"--output={archive}", commit], check=True)
            with tarfile.open(archive) as files:
                files.extractall(tree, filter="data")
        finally:
            archive.unlink(missing_ok=True)
        if other := other_versions((tree / "requirements.txt").read_text()):
            raise NotThere(f"{commit} needs {', '.join(other)}")
        yield tree


def other_versions(requirements: str) -> list[str]:
    """The pins of a requirements file that this environment does not hold."""
    return [f"{name}=={pin}" for name, pin in _PIN.findall(requirements) if installed(name) != pin]


def installed(name: str) -> str | None:
    """The version of a package without a build's own mark (2.13.0 of 2.13.0+cpu), if it is here."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return None
