"""What a user reads of the schedules of a run."""

from __future__ import annotations

import pytest

from tests.commands.train.conftest import Planner
from trainer.commands.train.schedule_report import print_new_schedules, print_schedules

MORE = ("--iterations", "2")
NUMBER = ("--set", "schedules.entropy_coeff=null", "--set", "ppo.entropy_coeff=0.02")


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ("{type: linear, start: 1, end: 0.5}", "1 -> 0.5  (linear)"),
        ("{type: linear, end: 0.5, start: 1, warmup: 3}", "(linear, warm-up of 3 iterations)"),
        ("{type: exponential, gamma: 0.9, step_on: update}", "times 0.9 each update  (exponential"),
        ("{type: step, gamma: 0.5, step_size: 9, step_on: epoch}", "times 0.5 every 9 epochs"),
    ],
)
def test_a_new_run(
    fresh: Planner, capsys: pytest.CaptureFixture[str], curve: str, words: str
) -> None:
    print_new_schedules(fresh("--until", "8", "--set", f"schedules.seeker.lr={curve}"))
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "schedules, up to iteration 300; this run stops at 8:"
    assert len(rest) == 1
    assert rest[0].startswith("  seeker/lr  ")
    assert words in rest[0]


def test_a_new_run_without_any(fresh: Planner, capsys: pytest.CaptureFixture[str]) -> None:
    print_new_schedules(fresh())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "mode", "values"),
    [
        ((), "EXTEND - continuing schedules from previous run", "continues at 0.00977237"),
        (("--schedule-mode", "constant"), "CONSTANT - holding the", "continues at 0.00977237"),
        (("--schedule-mode", "restart"), "RESTART - starting", "jumps 0.00977237 -> 0.01"),
        (NUMBER, "EXTEND - continuing", "ends: 0.00977237 -> 0.02, a number from"),
    ],
)  # fmt: skip
def test_a_resume(
    resume: Planner,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    mode: str,
    values: str,
) -> None:
    print_schedules(resume("--until", "400", *words))
    told = capsys.readouterr().out
    assert "Loaded schedule metadata from ./checkpoints/checkpoint_000003\n" in told
    assert f"Schedule mode: {mode}" in told
    assert f"  hider/entropy_coeff   {values}" in told
    assert ("Extended total" in told) == mode.startswith("EXTEND")


def test_a_learning_rate_of_0_is_warned_of(
    resume: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    print_schedules(resume(*MORE, "--set", "schedules.hider.lr={type: linear, start: 0, end: 1}"))
    assert "warning: hider/lr is 0: this team does not learn" in capsys.readouterr().out
