"""How a demo is shown where nobody said how."""

from __future__ import annotations

import io
import sys

import pytest

from tests.reporting.streams import FakeTerminal
from trainer.commands.demo.render_mode import render_mode, without_display
from trainer.errors import UsageError


@pytest.mark.parametrize(
    ("display", "term", "stream", "mode"),
    [
        (":0", "dumb", io.StringIO(), "human"),
        ("", "xterm", FakeTerminal(), "ansi"),
        ("", "dumb", FakeTerminal(), "none"),
        ("", "xterm", io.StringIO(), "none"),
    ],
)
def test_the_best_that_the_machine_can_show(
    monkeypatch: pytest.MonkeyPatch, display: str, term: str, stream: io.StringIO, mode: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("TERM", term)
    assert render_mode(None) == mode
    assert mode in ("human", without_display())


@pytest.mark.parametrize("asked", ["ansi", "rgb_array", "none"])
def test_what_was_asked_for_needs_no_display(asked: str) -> None:
    assert render_mode(asked) == asked


def test_a_window_without_a_display_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError, match="there is no display; use --render ansi"):
        render_mode("human")
