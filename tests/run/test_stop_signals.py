"""Signals become requests that the loop reads between iterations."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from trainer.run.stop_signals import StopSignals


@pytest.fixture(autouse=True)
def handlers_come_back() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_is_a_request_with_its_exit_code(
    number: signal.Signals, code: int
) -> None:
    told: list[str] = []
    with StopSignals(lambda: told.append("stopping")) as stop:
        assert (stop.requested, stop.exit_code) == (False, 0)
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)  # one more is no news
    assert (stop.requested, stop.exit_code, told) == (True, code, ["stopping"])


def test_a_second_ctrl_c_leaves_at_once_and_names_how_to_continue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class LeftError(Exception):
        pass

    def leave(code: int) -> None:
        raise LeftError(code)

    written: list[str] = []
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(os, "write", lambda fd, text: written.append(text.decode()))
    with StopSignals(leave=lambda: written.append("left")) as stop:
        stop.resume_command = "python continue_training.py"
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(LeftError, match="1"):
            signal.raise_signal(signal.SIGINT)
    assert written[0] == "left"
    assert "the last checkpoint counts:\n  python continue_training.py\n" in written[1]


def test_sigusr1_asks_for_one_checkpoint() -> None:
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGUSR1)
        assert [stop.take_save_request(), stop.take_save_request()] == [True, False]
        assert not stop.requested


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.requested
    assert signal.signal(signal.SIGHUP, before) is signal.SIG_IGN


def test_handlers_that_ray_replaced_are_taken_back() -> None:
    with StopSignals() as stop:
        signal.signal(signal.SIGTERM, lambda *_: None)
        stop.install()
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
