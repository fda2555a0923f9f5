"""Waits end, and say for whom they last."""

from __future__ import annotations

import threading

import pytest

from trainer.cluster import waits
from trainer.cluster.waits import bounded_wait
from trainer.errors import ProcessDied


def test_a_wait_that_lasts_too_long_is_told_of_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "TELL_EVERY_S", 0.05)
    answer, told = threading.Event(), list[str]()
    gives_up = threading.Timer(30, answer.set)
    gives_up.start()
    with (
        pytest.raises(ProcessDied, match=r"^the learners did not answer within 1 minute$"),
        bounded_wait("the learners", told.append, patience_s=0.2),
    ):
        answer.wait()
    gives_up.cancel()
    assert not answer.is_set(), "the wait was not ended"
    assert told
    assert set(told) == {"still waiting for the learners after 1 min ..."}


def test_what_fails_in_time_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), bounded_wait("the learners"):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match=r"^mine$"), bounded_wait("the learners"):
        raise ValueError("mine")
