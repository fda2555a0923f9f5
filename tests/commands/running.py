"""A command run in this process, as a test's fixture gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest


class Command(Protocol):
    """Runs the command and returns its exit code, output and errors."""

    def __call__(
        self, *args: object, folder: Path | None = ...
    ) -> tuple[int | str | None, str, str]: ...


def in_this_process(
    main: Callable[[Sequence[str]], int], checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command of a `main`; it plays from `checkpoints` where no other folder is given."""

    def run(*args: object, folder: Path | None = checkpoints) -> tuple[int | str | None, str, str]:
        code: int | str | None
        argv = [*map(str, args), *(["--checkpoint-dir", str(folder)] if folder else [])]
        try:
            code = main(argv)
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return code, out, err

    return run
