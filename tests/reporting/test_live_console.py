"""The live panel, on a stream that says it is a terminal."""

from __future__ import annotations

import io
import math
import re
import sys
import threading
from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import ConsoleDimensions

from tests.reporting.rows import EVALUATED, NOT_EVALUATED, STAGES_L3, STAGES_L4, make_row
from tests.reporting.streams import FakeTerminal, written
from trainer.reporting.console.live_console import LiveConsole
from trainer.reporting.console.live_panel import sparkline
from trainer.reporting.metrics import empty_row

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[LiveConsole]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console = LiveConsole(FakeTerminal())
    console.clock = clock
    yield console
    console.close()


def panel(console: LiveConsole) -> list[str]:
    paper = RichConsole(file=io.StringIO(), width=console.rich.width)
    paper.print(console.render())
    return paper.file.getvalue().splitlines()  # type: ignore[attr-defined]


def cursor_is_hidden(text: str) -> bool:
    return text.rfind("\x1b[?25l") > text.rfind("\x1b[?25h")


def test_the_panel_shows_where_the_run_stands(console: LiveConsole, clock: Clock) -> None:
    console.start(500, 41, {"run": "my run"})
    row = make_row(42) | {"seeker_reward": -8.23, "hider/kl": 0.008142, "hider/lr": 3e-4}
    row |= {"time/sample_s": 1.0, "time/learn_s": 0.9, "time/other_s": 0.1, "time/save_s": 0.0}
    row |= {"seen_fraction": 0.23, "perfect_hide": 0.04, "episode_len_mean": 135.2}
    console.iteration(row)
    clock.now += 16
    console.checkpoint("checkpoints/checkpoint_000042", row)
    clock.now += 60

    text = "\n".join(panel(console))
    for part in (
        "my run",
        "Iteration 42/500",
        "8%",
        "ETA 14:00",  # 458 iterations of 2 s, less the 76 s since the last
        "1:16 elapsed",
        "-8.23",
        "0.008142",
        "3.0e-4",
        "1,260 completed · 30 this iteration",
        "length 135.2 steps",
        "in sight 23% of the steps · never seen in 4% of episodes",
        "2,000 agent-steps/s",
        "sample 50%  learn 45%  other 5%  save 0%",
        "checkpoints/checkpoint_000042 · 1:00 ago",
    ):
        assert part in text


def test_the_panel_counts_the_kernels_of_an_iteration_that_compiles(console: LiveConsole) -> None:
    console.compiling(1)
    console.start(500)
    console.compiling(2)
    assert "compiling kernels: 2 so far" in panel(console)[2]
    assert written(console).count("once on this machine") == 1
    console.iteration(make_row(1))
    assert "compiling" not in "".join(panel(console))


def test_a_team_whose_turn_it_is_not_waits(console: LiveConsole) -> None:
    console.start(500)
    console.iteration(make_row(42) | {"hider/kl": math.nan, "hider/trained": 0})
    (line,) = (line for line in panel(console) if "waits" in line)
    assert "hider" in line


def test_the_panel_of_another_game_tells_nothing_of_hiders(console: LiveConsole) -> None:
    console.start(10)
    row = empty_row(("red", "blue", "green"), ["game/highest"])
    console.iteration(row | {"iteration": 1, "red_reward": 4.25, "red/kl": 0.5})
    console.iteration(row | {"iteration": 2, "red_reward": 4.25, "red/kl": 0.75})
    text = "\n".join(panel(console))
    assert all(team in text for team in ("red", "blue", "green", "4.25"))
    assert "Hiders" not in text
    assert "red kl" not in text  # measured, and no setting that is scheduled


def test_the_panel_tells_of_boxes_and_ramps_where_there_are_any(console: LiveConsole) -> None:
    console.start(10)
    console.iteration(make_row(1))
    assert not any("Prepared" in line or "Ramps" in line for line in panel(console))
    console.iteration({**make_row(2), **STAGES_L3})
    text = "\n".join(panel(console))
    assert "boxes 2.35 m · locks 0.80 · doors blocked 42% · sealed 31% · at the end 22%" in text
    assert "Ramps" not in text
    console.iteration({**make_row(3), **STAGES_L4})
    text = "\n".join(panel(console))
    assert "moved 1.25 m in preparation · seekers crossed 0.12 · hiders 0.01" in text


@pytest.mark.parametrize("width", [76, 80, 92, 100, 112, 140])
def test_the_panel_tells_of_games_against_the_past(console: LiveConsole, width: int) -> None:
    console.rich.width = width
    console.start(100)
    console.iteration(make_row(1))
    (head,) = (line for line in panel(console) if "V loss" in line)
    assert "vs past" not in head
    wins = {"opponents/seeker_wins": 0.55, "opponents/hider_wins": 0.51}
    console.iteration(make_row(2) | wins)
    lines = panel(console)
    (told,) = (line for line in lines if "V loss" in line)
    assert all(word in told for word in head.split())
    assert "vs past" in told
    teams = [line for line in lines if re.match("│ (seeker|hider) ", line)]
    assert all("…" not in line for line in teams)
    assert all(share in line for share, line in zip(("55%", "51%"), teams, strict=True))


def test_the_panel_keeps_the_last_evaluation(console: LiveConsole) -> None:
    console.start(100)
    console.iteration(make_row(9) | NOT_EVALUATED)
    assert not any("Score" in line or "Rating" in line for line in panel(console))
    console.iteration(make_row(10) | EVALUATED)
    console.iteration(make_row(11) | NOT_EVALUATED)
    text = "\n".join(panel(console))
    assert "0.612 · seeker 0.581 · hider 0.643 · iteration 10" in text
    assert "seeker 28.1 · hider 26.4 · random players 25.0" in text
    console.iteration(make_row(20) | EVALUATED | {"evaluation/score": 0.7})
    assert "0.700 · seeker" in "\n".join(panel(console))
    assert "nan" not in "\n".join(panel(console))


@pytest.mark.parametrize("width", [50, 76, 80, 91, 92, 140])
def test_the_time_of_evaluations_takes_a_line_on_a_usual_terminal(
    console: LiveConsole, width: int
) -> None:
    console.start(100)
    times = dict.fromkeys(("time/sample_s", "time/learn_s", "time/other_s", "time/save_s"), 1.0)
    console.iteration(make_row(10) | times | EVALUATED | {"time/evaluation_s": 1.0})
    console.rich.width = width
    lines = panel(console)
    (place,) = (k for k, line in enumerate(lines) if "Time" in line)
    assert ("evaluation 20%" in lines[place]) == (width > 50)
    assert "sample 20%" in lines[place]


@pytest.mark.parametrize("width", [80, 91])
def test_boxes_and_ramps_take_a_line_each_on_a_usual_terminal(
    console: LiveConsole, width: int
) -> None:
    console.start(10)
    console.iteration({**make_row(3), **STAGES_L4})
    console.rich.width = width
    lines = panel(console)
    first = next(k for k, line in enumerate(lines) if "Prepared" in line)
    assert "sealed 31%" in lines[first]
    assert "Ramps" in lines[first + 1]
    assert "Speed" in lines[first + 2]


@pytest.mark.parametrize(
    "width", [20, 40, 49, 50, 60, 75, 76, 80, 91, 92, 99, 100, 111, 112, 140, 300]
)
def test_no_width_breaks_the_panel(console: LiveConsole, width: int) -> None:
    console.start(5000)
    console.iteration(make_row(4321))
    console.iteration(empty_row() | {"iteration": 4322})
    console.iteration({**make_row(4323), **STAGES_L4})
    console.checkpoint(
        "a/very/long/path/to/the/checkpoints/of/this/run/checkpoint_004323", {"iteration": 4323}
    )
    console.rich.width = width
    lines = panel(console)
    assert {cell_len(line) for line in lines} == {min(width, 140)}
    if width >= 60:  # only the long path is cut
        assert "…" not in "".join(line for line in lines if not re.search("Saved|In force", line))


def test_the_panel_is_drawn_at_most_twice_a_second(console: LiveConsole, clock: Clock) -> None:
    console.start(10_000)
    console.iteration(make_row(1))
    before = len(written(console))
    for i in range(2, 100):
        console.iteration(make_row(i))
    assert len(written(console)) == before
    clock.now += 0.5
    console.iteration(make_row(100))
    assert "100/10000" in written(console)[before:]


def test_messages_stay_above_the_panel_and_are_not_markup(console: LiveConsole) -> None:
    console.start(10)
    console.iteration(make_row(1))
    console.message("runner [bold]1[/bold] :smile: restarted", "warning")
    text = ESCAPE.sub("", written(console))
    assert "warning: runner [bold]1[/bold] :smile: restarted" in text
    assert "╭" in text[text.index("restarted") :]  # the panel is drawn anew below it


def test_the_cursor_is_there_even_if_the_process_is_killed(console: LiveConsole) -> None:
    console.start(10)
    assert "\x1b[?25h" in written(console)
    for step in (
        lambda: console.iteration(make_row(1)),
        lambda: console.message("hello"),
        lambda: console.checkpoint("a", make_row(1)),
        lambda: console.stop({"a": 1}, ["b"]),
    ):
        assert not cursor_is_hidden(written(console))
        step()
    assert not cursor_is_hidden(written(console))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_ends_the_panel(console: LiveConsole, error: type[BaseException]) -> None:
    before = set(threading.enumerate())

    def crash() -> None:
        with console:
            console.start(10)
            console.iteration(make_row(1))
            raise error

    with pytest.raises(error):
        crash()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)
        assert not thread.is_alive()  # the clock is no longer drawn
    length = len(written(console))
    console.close()
    console.iteration(make_row(2))  # late, and harmless
    assert len(written(console)) == length
    assert not cursor_is_hidden(written(console))


def test_closing_before_the_start_is_harmless(console: LiveConsole) -> None:
    console.close()
    console.stop()
    assert written(console) == ""


def test_the_end_shows_whole_commands_on_narrow_terminals(console: LiveConsole) -> None:
    console.rich.width = 30
    command = "python main.py checkpoints/checkpoint_000070 --iterations 100"
    console.stop({"trained": "500 iterations"}, [command])
    text = ESCAPE.sub("", written(console))
    assert command in text
    assert "trained  500 iterations" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    def codes() -> set[str]:
        console = LiveConsole(FakeTerminal())
        with console:
            console.start(10)
            console.iteration(make_row(1))
        parts = re.findall(r"\x1b\[([0-9;]+)m", written(console))
        return {code for part in parts for code in part.split(";")}

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "38" in codes()
    monkeypatch.setenv("NO_COLOR", "1")
    assert codes() <= {"0", "1", "2"}  # bold and dim remain


class LostTerminal(FakeTerminal):
    """A terminal that goes away."""

    lost = False

    def write(self, text: str) -> int:
        if self.lost:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_a_lost_terminal_silences_the_panel_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal, errors = LostTerminal(), FakeTerminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", errors)
    clock = Clock()
    console = LiveConsole(terminal)
    console.clock = clock
    console.start(10)
    console.iteration(make_row(1))
    print("a warning", file=sys.stderr)
    shown = ESCAPE.sub("", terminal.getvalue())
    assert "Iteration 1/10" in shown
    assert "a warning" in shown  # above the panel
    terminal.lost = True
    clock.now += 1
    console.iteration(make_row(2))
    console.message("anyone?")
    console.checkpoint("a", make_row(1))
    console.stop({"a": 1}, ["b"])
    length = len(terminal.getvalue())
    print("error: the disk is full", file=sys.stderr)
    assert (sys.stdout, sys.stderr) == (terminal, errors)
    assert errors.getvalue() == "error: the disk is full\n"
    assert len(terminal.getvalue()) == length
    assert "anyone?" not in terminal.getvalue()


def test_errors_that_go_to_a_file_stay_out_of_the_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, file = FakeTerminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", file)
    with LiveConsole(terminal) as console:
        console.start(10)
        print("a warning", file=sys.stderr)
        print("a line", file=sys.stdout)
    assert file.getvalue() == "a warning\n"
    assert "a line" in terminal.getvalue()
    assert "a warning" not in terminal.getvalue()


@pytest.mark.parametrize(
    ("columns", "rows", "times"),
    [(100, 40, 1), (140, 40, 1), (99, 40, 2), (40, 90, 3), (40, 20, 9)],
)
def test_a_narrower_terminal_is_cleared_of_the_lines_that_it_has_broken(
    console: LiveConsole, columns: int, rows: int, times: int
) -> None:
    console.start(10)
    console.iteration(make_row(1))
    console.refresh()
    height = len(panel(console))
    before = len(written(console))
    console.rich.size = ConsoleDimensions(columns, rows)
    console.refresh()
    moved = written(console)[before:].partition("╭")[0]
    assert moved.count("\x1b[1A") == min(times * height, rows) - 1


def test_what_a_low_terminal_has_pushed_out_is_cleared_when_it_comes_back(
    console: LiveConsole,
) -> None:
    console.start(10)
    console.iteration(make_row(1))
    console.refresh()
    height, ups = len(panel(console)), []
    for rows in (height - 5, height - 5, height + 20, height + 20):
        before = len(written(console))
        console.rich.size = ConsoleDimensions(100, rows)
        console.refresh()
        ups.append(written(console)[before:].partition("╭")[0].count("\x1b[1A") + 1)
    # The lower terminal shows five lines less, and the five come back with the higher one.
    assert ups == [height - 5, height - 5, height, height]


def test_what_is_scheduled_is_shown_once_it_changes(console: LiveConsole) -> None:
    console.start(10)
    still = {"seeker/entropy_coeff": 0.01, "hider/entropy_coeff": 0.01, "seeker/kl": 0.1}
    still |= {"seeker/clip_param": math.nan}
    console.iteration(make_row(1) | still)
    assert "In force" not in "\n".join(panel(console))
    fixed = {key: value for key, value in make_row(1).items() if "/" in key}
    console.iteration(
        make_row(2) | fixed | still | {"hider/entropy_coeff": 0.009, "seeker/kl": 1.0}
    )
    assert "In force  hider entropy_coeff 0.0090  " in "\n".join(panel(console))


def test_the_stage_is_shown_and_what_the_game_measures_is_no_setting(console: LiveConsole) -> None:
    console.start(10)
    for iteration in (1, 2):
        changing = {"env/stage": 1.0, "newest/sealed": iteration / 4, "env/vision_range": iteration}
        console.iteration({k: v for k, v in make_row(iteration).items() if "/" not in k} | changing)
    assert "In force  stage 1 · env vision_range 2.00  " in "\n".join(panel(console))


def test_sparkline() -> None:
    assert sparkline([0.0, 1.0, 3.0, float("nan"), 7.0]) == "▁▂▄ █"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([float("nan")]) == ""


def test_a_stop_says_what_is_done_about_it(
    console: LiveConsole, capfd: pytest.CaptureFixture[str]
) -> None:
    console.note_stop()
    assert "nothing has been trained yet" in capfd.readouterr().err
    console.start(10)
    console.iteration(make_row(1))
    console.note_stop()
    assert capfd.readouterr().err == ""  # the panel says it
    assert "saving after this iteration" in panel(console)[-1]
    console.stop({}, ["python continue_training.py"])
    assert "Ctrl-C" not in panel(console)[-1]
    assert "saving" not in panel(console)[-1]
    assert written(console).splitlines()[-2].strip().endswith("next:\x1b[0m")
