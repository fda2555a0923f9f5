"""A Python file as a script, for `tests.scripts.forked`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Run the file `argv[0]`."""
    path = Path(argv[0])
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "__main__"})
    return 0
