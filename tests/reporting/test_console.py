"""The console without a terminal: aligned lines, or next to nothing, and never in the way."""

from __future__ import annotations

import io
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.rows import EVALUATED, NOT_EVALUATED, STAGES_L3, STAGES_L4, evaluated, make_row
from tests.reporting.streams import FakeTerminal, written
from trainer.reporting.console.line_columns import fixed
from trainer.reporting.console.line_console import HEADER_EVERY, LineConsole
from trainer.reporting.console.live_console import LiveConsole
from trainer.reporting.console.make_console import make_console
from trainer.reporting.metrics import Row, empty_row


def run(console: LineConsole, iterations: int) -> list[str]:
    """The lines of a whole run with a checkpoint every ten iterations."""
    with console:
        console.start(iterations, 1, {"run": "my run", "device": "cpu"})
        for i in range(1, iterations + 1):
            console.iteration(make_row(i))
            if i % 10 == 0:
                console.checkpoint(Path.cwd() / f"checkpoints/checkpoint_{i:06d}", make_row(i))
        console.message("a runner was restarted", "warning")
        console.message("by the way")
        console.stop({"trained": "all"}, ["python main.py latest"])
    return written(console).splitlines()


def test_lines_are_aligned_and_plain() -> None:
    lines = run(LineConsole(io.StringIO()), 30)
    table = [line for line in lines if " | " in line and "iteration" not in line]
    rows = [line for line in table if "/30" in line]

    assert len(rows) == 30
    bars = {tuple(m.start() for m in re.finditer(r"\|", line)) for line in table}
    assert len(bars) == 1
    assert len({len(line) for line in rows}) == 1
    assert all(line.isprintable() for line in lines)  # no escape sequences


def test_a_line_has_the_figures_of_its_row() -> None:
    console = LineConsole(io.StringIO())
    console.start(500)
    row = make_row(42) | {
        "reward_mean": 168.45,
        "episode_len_mean": 135.2,
        "seeker_reward": -8.23,
        "seeker/kl": 0.007234,
        "seeker/entropy": 9.8923,
        "hider_reward": 45.67,
        "hider/kl": 0.008142,
        "hider/entropy": 9.6234,
    }
    console.iteration(row)
    group, heading, line = written(console).replace("|", "").splitlines()[-3:]

    assert re.split(r"\s+", group.strip()) == ["episodes", "mean", "seeker", "hider"]
    shown = re.split(r"\s+", f"{heading} {line}".strip())
    assert list(zip(shown[:13], shown[13:], strict=True)) == [
        ("iteration", "42/500"),
        ("completed", "1260"),
        ("new", "30"),
        ("reward", "168.45"),
        ("length", "135.2"),
        ("reward", "-8.23"),
        ("KL", "0.007234"),
        ("entropy", "9.8923"),
        ("reward", "45.67"),
        ("KL", "0.008142"),
        ("entropy", "9.6234"),
        ("agent-steps/s", "2,000"),
        ("ETA", "15:16"),
    ]


def objects_in(row: Row) -> tuple[str, list[str], list[str]]:
    """The group of objects in a line: its name, headings and values."""
    console = LineConsole(io.StringIO())
    console.start(500)
    console.iteration(row)
    name, headings, values = (line.split("|")[-2] for line in written(console).splitlines()[-3:])
    return name.strip(), re.split(r"\s{2,}", headings.strip()), values.split()


def test_a_line_tells_of_boxes_and_ramps_where_there_are_any() -> None:
    assert objects_in(make_row(1))[0] == "hider"
    assert objects_in({**make_row(1), **STAGES_L3}) == (
        "objects",
        ["boxes m", "locks", "doors", "sealed"],
        ["2.35", "0.80", "42%", "31%"],
    )
    assert objects_in({**make_row(1), **STAGES_L4}) == (
        "objects",
        ["boxes m", "locks", "doors", "sealed", "crossed"],
        ["2.35", "0.80", "42%", "31%", "0.12"],
    )
    unknown = dict.fromkeys(STAGES_L4, math.nan)
    assert objects_in({**make_row(1), **unknown})[2] == ["-"] * 5


def test_a_line_tells_of_games_against_the_past_where_there_are_any() -> None:
    console = LineConsole(io.StringIO())
    console.start(500)
    console.iteration(make_row(1) | {"opponents/seeker_wins": 0.55, "opponents/hider_wins": 0.5})
    _, headings, values = written(console).splitlines()[-3:]
    assert re.split(r"\s{2,}", headings.split("|")[3].strip())[-1] == "vs past"
    assert [values.split("|")[place].split()[-1] for place in (3, 4)] == ["55%", "50%"]


def test_after_a_resume_the_last_evaluation_is_told_until_the_next() -> None:
    console = LineConsole(io.StringIO())
    console.start(100, first_iteration=21)
    console.recall(evaluated(20, every=8) | {"iteration": np.arange(1, 21)})
    for iteration in (21, 22):
        measured = EVALUATED if iteration == 22 else NOT_EVALUATED
        console.iteration({**make_row(iteration), **measured})
    *_, first, second = (line.split("|")[-2].split() for line in written(console).splitlines()[1:])
    assert first[0] == "16"
    assert 0.612 <= float(first[1]) <= 0.662
    assert second == ["22", "0.612", "0.581", "0.643"]


def test_where_nothing_was_evaluated_nothing_is_recalled() -> None:
    console = LineConsole(io.StringIO())
    for columns in ({}, {"iteration": np.ones(1)}, evaluated(5, every=10)):
        console.recall(columns)
    assert not console.evaluation


def test_a_line_keeps_the_last_evaluation() -> None:
    console = LineConsole(io.StringIO())
    console.start(100)
    for iteration in (9, 10, 11):
        measured = EVALUATED if iteration == 10 else NOT_EVALUATED
        console.iteration({**make_row(iteration), **measured})
    group, heading, *lines = (line.split("|")[-2] for line in written(console).splitlines()[1:])
    assert group.strip() == "last evaluation"
    assert heading.split() == ["at", "score", "seeker", "hider"]
    found = [line.split() for line in lines]
    assert found == [["-"] * 4, *[["10", "0.612", "0.581", "0.643"]] * 2]
    assert "last evaluation" not in " ".join(run(LineConsole(io.StringIO()), 2))


def test_a_team_whose_turn_it_is_not_waits() -> None:
    console = LineConsole(io.StringIO())
    console.start(500)
    frozen = {"hider/kl": math.nan, "hider/entropy": math.nan, "hider/trained": 0}
    console.iteration(make_row(42) | frozen)
    line = written(console).splitlines()[-1]
    assert ["waits" in part for part in line.split("|")[3:5]] == [False, True]


def test_the_header_comes_back_now_and_then() -> None:
    lines = run(LineConsole(io.StringIO()), 2 * HEADER_EVERY + 1)
    headers = [i for i, line in enumerate(lines) if line.startswith("iteration")]
    rows = [i for i, line in enumerate(lines) if re.match(r" *\d+/", line)]
    assert len(headers) == 3
    assert rows[0] == headers[0] + 1
    assert rows[HEADER_EVERY] == headers[1] + 1


def test_unknown_and_huge_figures_keep_the_line() -> None:
    console = LineConsole(io.StringIO())
    console.start(10**6)
    console.iteration(make_row(1))
    console.iteration(empty_row() | {"iteration": 2})
    console.iteration(
        make_row(3) | {"reward_mean": -1.5e12, "hider/entropy": 1e9, "seeker/kl": 1e7}
    )
    lines = written(console).splitlines()[-3:]
    assert len({len(line) for line in lines}) == 1
    assert " -  " in lines[1]
    assert "-1.5e+12" in lines[2]


def test_quiet_tells_start_checkpoints_warnings_and_end() -> None:
    lines = run(LineConsole(io.StringIO(), quiet=True), 20)
    assert [line.split("  ")[0].strip() or line.split()[0] for line in lines] == [
        "Training iterations 1 to 20",
        "run",
        "device",
        "saved ./checkpoints/checkpoint_000010",
        "saved ./checkpoints/checkpoint_000020",
        "warning: a runner was restarted",
        "trained",
        "time",
        "next:",
        "python",
    ]


def test_a_resume_says_where_it_goes_on() -> None:
    console = LineConsole(io.StringIO())
    console.start(500, first_iteration=41)
    assert written(console) == "Resuming with iterations 41 to 500\n"
    assert console.done == 40
    console.start(500, first_iteration=500)
    assert written(console).endswith("Resuming with iteration 500\n")


def test_the_eta_follows_the_latest_pace() -> None:
    console = LineConsole(io.StringIO(), quiet=True)
    console.start(100)
    assert str(console.eta_seconds()) == "nan"
    for i in range(1, 41):
        console.iteration(make_row(i) | {"time/iteration_s": 100.0 if i <= 20 else 3.0})
    assert console.eta_seconds() == pytest.approx(3.0 * 60)
    console.iteration(make_row(120))  # beyond the end
    assert console.eta_seconds() == 0


def test_an_iteration_that_compiles_says_so_once_and_nothing_of_the_pace() -> None:
    console = LineConsole(io.StringIO())
    console.compiling(1)
    told = written(console)
    assert told.startswith("compiling kernels, once on this machine")
    console.compiling(2)
    assert written(console) == told
    console.start(100)
    console.iteration(make_row(1) | {"time/iteration_s": 60.0})
    assert math.isnan(console.eta_seconds())
    console.iteration(make_row(2) | {"time/iteration_s": 1.0})
    assert console.eta_seconds() == 98.0
    quiet = LineConsole(io.StringIO(), quiet=True)
    quiet.compiling(1)
    assert written(quiet) == ""


@pytest.mark.parametrize(
    ("value", "width", "digits", "text"),
    [
        (168.45, 8, 2, "  168.45"),
        (-123456.78, 8, 2, " -123457"),
        (-1234567.8, 8, 2, "-1234568"),
        (123456789.0, 8, 2, " 1.2e+08"),
        (0.007234, 8, 6, "0.007234"),
        (float("nan"), 4, 2, "   -"),
        (3.14159, 0, 2, "3.14"),
    ],
)
def test_fixed(value: float, width: int, digits: int, text: str) -> None:
    assert fixed(value, width, digits) == text


@pytest.mark.parametrize(
    ("stream", "quiet", "term", "kind"),
    [
        (FakeTerminal(), False, "xterm", LiveConsole),
        (FakeTerminal(), True, "xterm", LineConsole),
        (FakeTerminal(), False, "dumb", LineConsole),
        (io.StringIO(), False, "xterm", LineConsole),
    ],
    ids=["terminal", "quiet", "dumb terminal", "pipe"],
)
def test_the_console_fits_the_output(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: bool, term: str, kind: type
) -> None:
    monkeypatch.setenv("TERM", term)
    assert type(make_console(quiet, stream)) is kind


def test_a_terminal_without_unicode_gets_lines_that_it_can_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="ascii")
    monkeypatch.setattr(stream, "isatty", lambda: True)
    console = make_console(stream=stream)
    console.start(10, 1, {"run": "Größe"})
    assert isinstance(console, LineConsole)
    assert data.getvalue().decode("ascii").endswith(r"Gr\xf6\xdfe" + "\n")


def test_a_closed_pipe_silences_the_console_and_spares_the_training() -> None:
    code = (
        "from trainer.reporting.console.make_console import make_console\n"
        "from tests.reporting.rows import make_row\n"
        "import sys; sys.stdin.readline()\n"
        "with make_console() as console:\n"
        "    console.start(2000)\n"
        "    for i in range(1, 50): console.iteration(make_row(i))\n"
        "    console.stop({'a': 1})\n"
        "print('trained', file=sys.stderr)"
    )
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    os.close(writer)
    os.close(reader)  # nobody reads, as after `| head`
    _, errors = process.communicate("\n")
    assert (errors, process.returncode) == ("trained\n", 0)


def test_nothing_heavy_is_imported_for_lines_and_history() -> None:
    code = (
        "import sys, trainer.reporting.history.metrics_history\n"
        "import trainer.reporting.console.make_console, trainer.reporting.figure\n"
        "import trainer.reporting.tensorboard\n"
        "heavy = {'rich', 'matplotlib', 'PIL', 'tensorboard', 'google', 'torch', 'ray'}\n"
        "trainer.reporting.console.make_console.make_console().start(5)\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


def test_the_end_tells_how_long_it_took_and_how_fast_it_was() -> None:
    now = [100.0]
    console = LineConsole(io.StringIO())
    console.clock = lambda: now[0]
    console.start(10)
    for seconds, speed in ((1.0, 4000.0), (3.0, 8000.0)):
        console.iteration(make_row(1) | {"time/iteration_s": seconds, "agent_steps_per_s": speed})
    now[0] += 65
    console.stop({"iteration": "2 of 10"})
    assert written(console).splitlines()[-1] == "  time       1:05, 7,000 agent-steps/s"


def test_a_run_without_iterations_has_no_speed_to_tell_of() -> None:
    console = LineConsole(io.StringIO())
    console.start(10)
    console.stop({"iteration": "0 of 10"})
    assert "time" not in written(console)
