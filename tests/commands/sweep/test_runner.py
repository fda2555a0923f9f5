"""How many runs go on at a time, whom they wait for, and what becomes of them; no processes."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.checkpoints.fakes import save
from tests.commands.sweep.sweeps import SCORE, filled
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.sweep import runner as runner_module
from trainer.commands.sweep.manifest import CUT, FAILED, FINISHED, WAITING, Run, Sweep
from trainer.commands.sweep.plan import Base
from trainer.commands.sweep.progress import LineProgress
from trainer.commands.sweep.runner import Runner
from trainer.commands.sweep.status import ELSEWHERE
from trainer.run.stop_signals import StopSignals


class FakeChild:
    """Ends with `codes[name]` after it was polled three times, or at once when it is stopped."""

    codes: dict[str, int]
    running: set[str]
    started: list[str]

    def __init__(self, sweep: Sweep, run: Run) -> None:
        self.name, self.polls, self.stopped = run.name, 0, False
        self.started.append(run.name)
        self.running.add(run.name)

    def poll(self) -> int | None:
        self.polls += 1
        if not self.stopped and self.polls < 3:
            return None
        self.running.discard(self.name)
        return 130 if self.stopped else self.codes.get(self.name, 0)

    def stop(self) -> None:
        self.stopped = True

    def kill(self) -> None:
        self.running.discard(self.name)

    def last_error(self) -> str:
        return f"{self.name} is broken"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> type[FakeChild]:
    FakeChild.codes, FakeChild.running, FakeChild.started = {}, set(), []
    monkeypatch.setattr(runner_module, "Child", FakeChild)
    return FakeChild


def make_runner(sweep: Sweep, jobs: int, pause: Callable[[float], None]) -> Runner:
    runs = [*sweep.runs.values()]
    runner = Runner(sweep, runs, jobs, SCORE, LineProgress(io.StringIO(), jobs, SCORE))
    runner.pause = pause
    return runner


def states(sweep: Sweep) -> list[str]:
    return [run.state for run in sweep.runs.values()]


def test_so_many_run_at_a_time_and_all_in_the_end(
    tmp_path: Path, base: Base, fakes: type[FakeChild]
) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0,1,2,3,4")
    at_once: list[int] = []
    fakes.codes = {"seed=3": 1}
    runner = make_runner(sweep, 2, lambda _: at_once.append(len(fakes.running)))
    runner.run(StopSignals())
    assert max(at_once) == 2
    assert fakes.started == [f"seed={k}" for k in range(5)]
    assert states(sweep) == [FINISHED] * 3 + [FAILED, FINISHED]
    assert sweep.runs["seed=3"].error == "seed=3 is broken"


def test_finished_runs_are_kept(tmp_path: Path, base: Base, fakes: type[FakeChild]) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0,1")
    sweep.set(sweep.runs["seed=0"], FINISHED)
    make_runner(sweep, 2, lambda _: None).run(StopSignals())
    assert fakes.started == ["seed=1"]


def test_a_run_that_another_process_trains_is_waited_for(
    tmp_path: Path, base: Base, fakes: type[FakeChild]
) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0,1,2")
    manager = CheckpointManager(sweep.checkpoints(sweep.runs["seed=0"]))
    other = CheckpointManager(sweep.checkpoints(sweep.runs["seed=1"]))
    seen: list[list[str]] = []
    with ExitStack() as held:
        held.enter_context(manager.writer_lock())
        held.enter_context(other.writer_lock())

        def pause(_: float) -> None:
            seen.append([status.state for status in runner.statuses()])
            if len(seen) == 8:
                save(manager, 40, tags=["final"])
                held.close()

        runner = make_runner(sweep, 1, pause)
        runner.run(StopSignals())
    assert seen[0][:2] == [ELSEWHERE, ELSEWHERE]
    assert fakes.started == ["seed=2", "seed=1"]  # the first was finished by the other process
    assert states(sweep) == [FINISHED] * 3


def test_a_stop_reaches_every_run_and_starts_no_other(
    tmp_path: Path, base: Base, fakes: type[FakeChild]
) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0,1,2")
    save(CheckpointManager(sweep.checkpoints(sweep.runs["seed=1"])), 10)
    stop = StopSignals()

    def pause(_: float) -> None:
        stop.received = signal.SIGINT

    make_runner(sweep, 2, pause).run(stop)
    assert fakes.started == ["seed=0", "seed=1"]
    assert states(sweep) == [WAITING, CUT, WAITING]
    assert not fakes.running
