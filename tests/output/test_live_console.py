"""The live panel, on a stream that says it is a terminal."""

import io
import re
import threading

import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from tests.output.rows import make_row
from tests.output.test_console import Terminal, written
from trainer.live_console import LiveConsole, sparkline
from trainer.metrics import empty_row

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, clock: Clock):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console = LiveConsole(Terminal(), clock)
    yield console
    console.close()


def panel(console: LiveConsole) -> list[str]:
    paper = RichConsole(file=io.StringIO(), width=console.rich.width)
    paper.print(console.render())
    return paper.file.getvalue().splitlines()  # type: ignore[attr-defined]


def cursor_is_hidden(text: str) -> bool:
    return text.rfind("\x1b[?25l") > text.rfind("\x1b[?25h")


def test_the_panel_shows_where_the_run_stands(console: LiveConsole, clock: Clock):
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


@pytest.mark.parametrize("width", [20, 40, 49, 50, 60, 75, 76, 80, 91, 92, 100, 300])
def test_no_width_breaks_the_panel(console: LiveConsole, width: int):
    console.start(5000)
    console.iteration(make_row(4321))
    console.iteration(empty_row() | {"iteration": 4322})
    console.iteration(make_row(4323))
    console.checkpoint(
        "a/very/long/path/to/the/checkpoints/of/this/run/checkpoint_004323", {"iteration": 4323}
    )
    console.rich.width = width
    lines = panel(console)
    assert {cell_len(line) for line in lines} == {min(width, 100)}
    if width >= 60:  # only the long path is cut
        assert "…" not in "".join(line for line in lines if "Saved" not in line)


def test_the_panel_is_drawn_at_most_twice_a_second(console: LiveConsole, clock: Clock):
    console.start(10_000)
    console.iteration(make_row(1))
    before = len(written(console))
    for i in range(2, 100):
        console.iteration(make_row(i))
    assert len(written(console)) == before
    clock.now += 0.5
    console.iteration(make_row(100))
    assert "100/10000" in written(console)[before:]


def test_messages_stay_above_the_panel_and_are_not_markup(console: LiveConsole):
    console.start(10)
    console.iteration(make_row(1))
    console.message("runner [bold]1[/bold] :smile: restarted", "warning")
    text = ESCAPE.sub("", written(console))
    assert "warning: runner [bold]1[/bold] :smile: restarted" in text
    assert "╭" in text[text.index("restarted") :]  # the panel is drawn anew below it


def test_the_cursor_is_there_even_if_the_process_is_killed(console: LiveConsole):
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
def test_an_exception_ends_the_panel(console: LiveConsole, error: type[BaseException]):
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


def test_closing_before_the_start_is_harmless(console: LiveConsole):
    console.close()
    console.stop()
    assert written(console) == ""


def test_the_end_shows_whole_commands_on_narrow_terminals(console: LiveConsole):
    console.rich.width = 30
    command = "python main.py checkpoints/checkpoint_000070 --iterations 100"
    console.stop({"trained": "500 iterations"}, [command])
    text = ESCAPE.sub("", written(console))
    assert command in text
    assert "trained  500 iterations" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch):
    def codes() -> set[str]:
        console = LiveConsole(Terminal(), Clock())
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


def test_a_lost_terminal_silences_the_panel(console: LiveConsole, monkeypatch: pytest.MonkeyPatch):
    console.start(10)

    def fail(text: str) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(console.stream, "write", fail)
    console.iteration(make_row(1))
    console.message("anyone?")
    console.checkpoint("a", make_row(1))
    console.stop({"a": 1}, ["b"])


def test_sparkline():
    assert sparkline([0.0, 1.0, 3.0, float("nan"), 7.0]) == "▁▂▄ █"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([float("nan")]) == ""
