"""Processes that are measured: their answers and their end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.children import ContenderFailed, answer, family, is_alive, running


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


def test_the_last_line_is_the_answer() -> None:
    assert answer(python("print('starting'); print('{\"a\": 1}')")) == {"a": 1}


@pytest.mark.parametrize(
    ("program", "message"),
    [("raise ValueError('no such game')", "no such game"), ("print('done')", "no JSON")],
)
def test_a_failure_says_why(program: str, message: str) -> None:
    with pytest.raises(ContenderFailed, match=message):
        answer(python(program))


def test_an_interrupt_leaves_no_process() -> None:
    def interrupted() -> None:
        # What a shell starts with & ignores Ctrl-C: it has to be killed.
        words = ["sh", "-c", "sleep 100 & echo started; wait"]
        with running(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            started.extend(family(process.pid))
            raise KeyboardInterrupt

    started: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(started) == 2
    assert [pid for pid in started if is_alive(pid)] == []
