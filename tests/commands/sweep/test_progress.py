"""What a sweep shows of runs that are under way."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from tests.commands.sweep.sweeps import SCORE, filled, history
from tests.reporting.streams import FakeTerminal
from trainer.commands.sweep.follow import Follower
from trainer.commands.sweep.manifest import FAILED, FINISHED, RUNNING, WAITING
from trainer.commands.sweep.plan import Base
from trainer.commands.sweep.progress import LineProgress, LiveProgress, make_progress
from trainer.commands.sweep.status import Status, counted, first_running, seconds_left
from trainer.reporting.history.metrics_history import HISTORY_NAME


def status(state: str, done: int, pace: float = math.nan, name: str = "a") -> Status:
    return Status(name, state, done, 100, math.nan, pace)


def test_what_is_left_is_shared_by_the_jobs() -> None:
    all_ = [status(FINISHED, 100, 1.0), status(RUNNING, 50, 2.0), status(WAITING, 0)]
    assert seconds_left(all_, 1) == pytest.approx(100 + 150)
    assert seconds_left(all_, 2) == pytest.approx(125)
    assert seconds_left(all_[:2], 8) == pytest.approx(100)
    assert math.isnan(seconds_left(all_[2:], 1))
    assert counted(all_) == "1 running, 1 waiting, 1 finished"
    assert [s.state for s in first_running(all_)] == [RUNNING, WAITING, FINISHED]


@pytest.mark.parametrize(("width", "height"), [(100, 30), (80, 24), (60, 12)])
def test_the_table_fits_the_terminal_with_those_that_run_on_top(
    monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", str(height))
    progress = make_progress(FakeTerminal(), 2, SCORE)
    assert isinstance(progress, LiveProgress)
    names = [f"lr=0.000{k}_gamma=0.99_seed={k}" for k in range(40)]
    all_ = [status(WAITING, 0, name=name) for name in names[:-1]]
    all_ += [Status(names[-1], RUNNING, 50, 100, 0.6125, 2.0)]
    paper = Console(file=io.StringIO(), width=width)
    paper.print(progress.render(all_))
    lines = paper.file.getvalue().splitlines()  # type: ignore[attr-defined]
    progress.close()
    assert len(lines) < height
    assert lines[0].split() == ["Run", "State", "Iteration", "Score", "ETA"]
    assert lines[1].split()[1:] == ["running", "50/100", "0.613", "1:40"]
    assert "not shown" in lines[-2]
    assert lines[-1].rstrip().endswith("Ctrl-C saves and stops")


def test_without_a_terminal_a_line_tells_of_each_beginning_and_end() -> None:
    out = io.StringIO()
    progress = make_progress(out, 1, "first_seen_step")
    assert isinstance(progress, LineProgress)
    progress.started("a", 0)
    progress.started("b", 20)
    progress.ended(Status("a", FINISHED, 100, 100, 12.5, 1.0))
    progress.ended(Status("b", FAILED, 30, 100, math.nan, 1.0, "the disk is full"))
    progress.show([], last=True)
    assert out.getvalue().splitlines() == [
        "started   a",
        "started   b  from iteration 20",
        "finished  a  iteration 100/100  first_seen_step 12.500",
        "failed    b  the disk is full",
    ]


def test_a_growing_history_is_followed_row_by_row(tmp_path: Path, base: Base) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0")
    run = sweep.runs["run"]
    follower = Follower(sweep.checkpoints(run), SCORE)
    follower.update()
    assert follower.iteration == 0
    history(sweep, run, [0.1, 0.2, None])
    path = sweep.checkpoints(run) / HISTORY_NAME
    with path.open("ab") as file:
        file.write(b'{"iteration": 4, "evaluation/sc')  # half a row
    follower.update()
    assert (follower.iteration, follower.measured) == (3, 0.2)
    with path.open("ab") as file:
        file.write(b'ore": 0.4, "time/iteration_s": 2.0}\n')
    follower.update()
    assert (follower.iteration, follower.measured, follower.pace()) == (4, 0.4, 2.0)
    again: list[list[float | None]] = [[0.7], [0.8, *[None] * 9]]
    for values in again:  # as a resume from an older checkpoint leaves it
        path.rename(path.with_name("before"))
        history(sweep, run, values)
        follower.update()
        assert (follower.iteration, follower.measured) == (len(values), values[0])
