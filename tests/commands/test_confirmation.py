"""Yes or no, asked on the terminal."""

from __future__ import annotations

import io

import pytest

from trainer.commands.confirmation import confirmed


@pytest.mark.parametrize(
    ("typed", "answer", "asked"),
    [
        ("y\n", True, 1),
        ("YES\n", True, 1),
        ("n\n", False, 1),
        ("\n", False, 1),
        ("", False, 1),
        ("maybe\nyes\n", True, 2),
    ],
)
def test_only_yes_is_yes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    answer: bool,
    asked: int,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert confirmed("Delete?") is answer
    assert capsys.readouterr().out.count("Delete? [y/N] ") == asked
