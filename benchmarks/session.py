"""What the sections of one run of the benchmark share."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.earlier import COMMIT, NotThere, earlier_tree
from benchmarks.progress import say


@dataclass
class Session:
    """One run of the benchmark.

    Attributes:
        quick: whether a first look is enough.
        figure: where a picture goes, without its name's ending.
        cleanup: what is undone at the end.
    """

    quick: bool
    figure: Path
    cleanup: ExitStack
    _earlier: Path | str | None = field(default=None, init=False)

    def earlier(self) -> Path | str:
        """The folder of the earlier project, or why there is none."""
        if self._earlier is None:
            say(f"laying out commit {COMMIT}")
            try:
                self._earlier = self.cleanup.enter_context(earlier_tree())
            except NotThere as error:
                self._earlier = str(error)
                say(f"{COMMIT} is left out: {error}", stays=True)
        return self._earlier
