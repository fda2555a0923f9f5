"""The command run in this process, in an empty folder, without a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from trainer.commands.evaluate.main import main


class Evaluate(Protocol):
    """Runs the command and returns its exit code, output and errors."""

    def __call__(
        self, *args: object, folder: Path | None = ...
    ) -> tuple[int | str | None, str, str]: ...


@pytest.fixture
def evaluate(
    checkpoints: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Evaluate:
    monkeypatch.chdir(tmp_path)

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
