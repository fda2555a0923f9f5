"""What a stream can show, from its kind and the environment."""

from __future__ import annotations

import io
import sys

import pytest

from tests.reporting.streams import FakeTerminal
from trainer.reporting.terminal import Style, can_ask, is_unicode, moves_cursor, shows_color


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_only_a_terminal_with_control_sequences_is_drawn_on(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    assert moves_cursor(FakeTerminal())
    assert not moves_cursor(io.StringIO())
    monkeypatch.setenv("TERM", term)
    assert not moves_cursor(FakeTerminal())
    assert not shows_color(FakeTerminal())


@pytest.mark.parametrize(
    ("variables", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
    ],
)
def test_color_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], terminal: bool, pipe: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert shows_color(FakeTerminal()) is terminal
    assert shows_color(io.StringIO()) is pipe


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", True), ("UTF8", True), ("ascii", False), ("cp1252", False)]
)
def test_the_encoding_tells_whether_there_is_unicode(encoding: str, expected: bool) -> None:
    stream = FakeTerminal(encoding)
    assert is_unicode(stream) is expected
    assert Style.of(stream) == Style(emoji=expected, color=True)


def test_a_pipe_gets_plain_text() -> None:
    assert Style.of(io.StringIO()) == Style()
    assert Style().icon("x") == ""
    assert Style().paint("x", "1") == "x"
    assert Style(emoji=True).icon("x") == "x "
    assert Style(color=True).paint("x", "32") == "\x1b[32mx\x1b[0m"


@pytest.mark.parametrize("piped", ["stdin", "stdout", None])
def test_asking_takes_a_terminal_on_both_ends(
    monkeypatch: pytest.MonkeyPatch, piped: str | None
) -> None:
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, io.StringIO() if name == piped else FakeTerminal())
    assert can_ask() is (piped is None)
