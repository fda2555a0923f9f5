"""The screens: what they show, what they make of keys, and that they all show the same games."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from envs.render.window import NoDisplayError
from tests.reporting.streams import FakeTerminal
from trainer.commands.demo import recording, terminal
from trainer.commands.demo.lineup import Lineup, make_lineup
from trainer.commands.demo.picture import draw_frame, frame_height
from trainer.commands.demo.recording import Recorder
from trainer.commands.demo.session import BlindScreen
from trainer.commands.demo.stage import Moment, Screen, Stage, Wish, show_episodes
from trainer.commands.demo.terminal import PipeScreen, TerminalScreen, compose
from trainer.commands.demo.window import DemoWindow
from trainer.commands.players.shelf import Shelf
from trainer.ppo.matches import Player, play_matches
from trainer.reporting.progress_line import Progress

FPS = 1000.0


@pytest.fixture
def stage(lineup: Lineup) -> Stage:
    return Stage(lineup, 3)


def moments(stage: Stage, episode: int = 0) -> list[Moment]:
    return list(stage.moments(episode))


def players(lineup: Lineup) -> tuple[Player, Player]:
    return lineup.players["seeker"], lineup.players["hider"]


class Script(Screen):
    """A viewer who wishes something at chosen moments, and counts what was shown."""

    def __init__(self, wishes: dict[tuple[int, int], Wish] | None = None) -> None:
        self.wishes = wishes or {}
        self.shown: list[tuple[int, int]] = []

    def show(self, moment: Moment) -> Wish:
        self.shown.append((moment.number, moment.scene.time))
        return self.wishes.get(self.shown[-1], Wish.CONTINUE)


def results_of(stage: Stage, screen: Screen) -> dict[int, dict[str, float]]:
    results: dict[int, dict[str, float]] = {}
    show_episodes(stage, screen, lambda moment: None, results.__setitem__)
    return results


def test_what_is_shown_is_what_the_statistics_count(lineup: Lineup, stage: Stage) -> None:
    screen = Script()
    results = results_of(stage, screen)
    stats = play_matches(lineup.config, *players(lineup), episodes=3, seed=0)
    assert screen.shown == [(number, time) for number in (1, 2, 3) for time in range(9)]
    for number, row in results.items():
        assert row == {name: values[number - 1] for name, values in stats.items()}
    assert sorted(results) == [1, 2, 3]


def test_a_script_plays_alike_watched_and_measured(shelf: Shelf) -> None:
    lineup = make_lineup(shelf, shelf.find("20"), {"seeker": "searcher", "hider": "runner"})
    stats = play_matches(lineup.config, *players(lineup), episodes=3, seed=0)
    for number, row in results_of(Stage(lineup, 3), Script()).items():
        assert row == {name: values[number - 1] for name, values in stats.items()}


def test_an_episode_that_is_left_out_counts_all_the_same(lineup: Lineup, stage: Stage) -> None:
    screen = Script({(1, 2): Wish.NEXT})
    results = results_of(stage, screen)
    assert results == results_of(Stage(lineup, 3), Script())
    assert screen.shown[:4] == [(1, 0), (1, 1), (1, 2), (2, 0)]


@pytest.mark.parametrize(("moment", "finished"), [((2, 3), [1]), ((2, 8), [1, 2])])
def test_leaving_keeps_the_finished_episodes(
    stage: Stage, moment: tuple[int, int], finished: list[int]
) -> None:
    screen = Script({moment: Wish.LEAVE})
    assert sorted(results_of(stage, screen)) == finished
    assert screen.shown[-1] == moment


def test_the_last_moment_of_an_episode_has_the_verdict_and_the_score(stage: Stage) -> None:
    shown = moments(stage)
    assert [bool(moment.verdict) for moment in shown] == [False] * 8 + [True]
    assert shown[0].wins == (0, 0)
    assert sum(shown[-1].wins) == 1
    assert shown[-1].verdict.startswith("seekers" if shown[-1].wins[0] else "hiders")


def test_the_picture_shows_the_names_the_score_and_the_hint(lineup: Lineup, stage: Stage) -> None:
    moment = moments(stage)[0]
    frame = draw_frame(moment, lineup, 200)
    assert frame.shape == (frame_height(200), 200, 3)
    hinted = draw_frame(moment, lineup, 200, ("keys", "12 fps"))
    assert hinted.shape == (frame_height(200, 2), 200, 3)
    assert np.array_equal(hinted[: len(frame)], frame)
    other = draw_frame(moment, lineup, 200, ("keys", "PAUSED"))
    assert not np.array_equal(hinted, other)
    line = frame[-10:].reshape(-1, 3).astype(int)
    assert (line[:, 0] - line[:, 2] > 60).any()  # the seekers' name, in red
    assert (line[:, 2] - line[:, 0] > 60).any()  # the hiders', in blue


def test_the_end_of_an_episode_is_written_over_the_picture(lineup: Lineup, stage: Stage) -> None:
    import dataclasses

    end = moments(stage)[-1]
    without = draw_frame(dataclasses.replace(end, verdict=""), lineup, 200)
    different = np.argwhere((draw_frame(end, lineup, 200) != without).any(axis=-1))
    (top, left), (bottom, right) = different.min(axis=0), different.max(axis=0)
    assert 100 - left == pytest.approx(right - 100, abs=3)  # in the middle
    assert bottom - top < 25


# ---- text


def test_a_pipe_gets_frames_without_control_codes(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = PipeScreen()
    for moment in moments(stage):
        assert screen.show(moment) is Wish.CONTINUE
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.count("┌") == 9
    assert shown.count("H! seen") == 1
    assert "episode 1/3  step 8/8" in shown
    assert shown.rstrip().endswith(moments(stage)[-1].verdict)


@pytest.mark.parametrize(
    ("columns", "rows"), [(120, 40), (80, 26), (80, 24), (80, 20), (60, 27), (50, 25)]
)
def test_a_screen_is_never_overfull(lineup: Lineup, stage: Stage, columns: int, rows: int) -> None:
    lines = compose(moments(stage)[0], lineup, columns, rows)
    assert len(lines) <= rows
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    assert "step 0/8" in text
    assert ("checkpoint_000020" in text) == (columns >= 80)


@pytest.mark.parametrize("columns", [49, 15])
def test_a_terminal_that_is_too_narrow_says_so(lineup: Lineup, stage: Stage, columns: int) -> None:
    lines = compose(moments(stage)[0], lineup, columns, 24)
    assert lines == [f"too narrow: {columns} columns"[:columns], "of 50 needed"]


def test_a_terminal_of_24_rows_shows_the_whole_arena(lineup: Lineup, stage: Stage) -> None:
    lines = compose(moments(stage)[0], lineup, 80, 24)
    assert len(lines) == 24
    assert all(line.startswith("│") for line in lines)
    assert "cut" not in "\n".join(lines)
    assert "S→ seeker    S· blind" in "\n".join(lines)
    assert "cut: needs 24 rows" in "\n".join(compose(moments(stage)[0], lineup, 80, 23))


def test_a_terminal_is_drawn_in_place_and_given_back(
    lineup: Lineup,
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    clock = iter([100.0, 100.02, 100.15, 100.5])
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    screen = TerminalScreen(lineup, 10.0, False, slept.append)
    for moment in moments(stage)[:3]:
        screen.show(moment)
    screen.print_line("episode 1/3")
    drawn = capsys.readouterr().out
    assert drawn.startswith("\x1b[?1049h\x1b[?25l")
    assert drawn.count("\x1b[H") == 3
    assert "episode 1/3" not in drawn
    screen.close()
    screen.close()
    assert capsys.readouterr().out == "\x1b[?25h\x1b[?1049lepisode 1/3\n"
    # A moment each 1/10 s, whatever the time that drawing took; the third came too late.
    assert slept == pytest.approx([0.08, 0.05, 0.0])


def test_sigterm_unwinds_so_that_the_terminal_is_given_back(
    lineup: Lineup, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    screen = TerminalScreen(lineup, 10.0, False, time.sleep)
    try:
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
    finally:
        screen.close()
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert capsys.readouterr().out.endswith("\x1b[?25h\x1b[?1049l")


def test_progress_is_for_terminals_and_clears_its_line(
    stage: Stage, lineup: Lineup, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = FakeTerminal()
    progress = Progress(terminal)
    progress.show("too early")
    assert terminal.getvalue() == ""
    progress.show("far", at_once=True)
    progress.clear()
    progress.clear()
    assert terminal.getvalue() == "\rfar\x1b[K\r\x1b[K"
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        pipe = Progress(nowhere)
        pipe.show("far", at_once=True)
        assert BlindScreen(lineup, pipe, draws=True).show(moments(stage)[0]) is Wish.CONTINUE
    assert capsys.readouterr().out == ""


# ---- the window


@pytest.fixture
def recorder(lineup: Lineup) -> Recorder:
    return Recorder(lineup, 10.0, lambda: Stage(lineup, 1).moments(0))


@pytest.fixture
def window(
    lineup: Lineup, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[DemoWindow]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)
    window = DemoWindow(lineup, FPS, recorder)
    yield window
    window.close()
    recorder.stop()


def press(*keys: str) -> None:
    import pygame

    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=getattr(pygame, f"K_{key}")))


def test_without_a_display_there_is_no_window(lineup: Lineup, recorder: Recorder) -> None:
    with pytest.raises(NoDisplayError):
        DemoWindow(lineup, FPS, recorder)


def test_the_window_shows_the_frame(window: DemoWindow, stage: Stage, lineup: Lineup) -> None:
    import pygame

    moment = moments(stage)[0]
    assert window.show(moment) is Wish.CONTINUE
    surface = pygame.display.get_surface()
    assert surface is not None
    shown = pygame.surfarray.array3d(surface).swapaxes(0, 1)
    expected = draw_frame(moment, lineup, 240)
    assert np.array_equal(shown[: len(expected)], expected)


@pytest.mark.parametrize(
    ("key", "wish"), [("n", Wish.NEXT), ("q", Wish.LEAVE), ("ESCAPE", Wish.LEAVE)]
)
def test_keys_that_end_the_moment(window: DemoWindow, stage: Stage, key: str, wish: Wish) -> None:
    press(key)
    assert window.show(moments(stage)[0]) is wish


def test_closing_the_window_leaves(window: DemoWindow, stage: Stage) -> None:
    import pygame

    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.show(moments(stage)[0]) is Wish.LEAVE


def test_a_pause_lasts_until_a_step_or_another_space(window: DemoWindow, stage: Stage) -> None:
    """Without the pause, each `show` below would end before its later keys are read."""
    first, second, third = moments(stage)[:3]
    press("SPACE", "RIGHT")
    assert window.show(first) is Wish.CONTINUE
    assert window.paused
    press("n")  # still paused: only a key ends the moment
    assert window.show(second) is Wish.NEXT
    press("SPACE")
    assert window.show(third) is Wish.CONTINUE
    assert not window.paused


def test_a_paused_window_waits(
    window: DemoWindow, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pygame

    waits: list[int] = []

    def wait(milliseconds: int) -> None:
        waits.append(milliseconds)
        if len(waits) == 50:
            press("q")

    monkeypatch.setattr(pygame.time, "wait", wait)
    press("SPACE")
    assert window.show(moments(stage)[0]) is Wish.LEAVE
    assert len(waits) == 50


def test_the_speed_can_be_changed(window: DemoWindow, stage: Stage) -> None:
    window.fps = 12.0
    press("PLUS", "KP_PLUS", "MINUS", "SPACE", "RIGHT")
    window.show(moments(stage)[0])
    assert window.fps == pytest.approx(18.0)
    press(*["MINUS"] * 8, "RIGHT")
    window.show(moments(stage)[0])
    assert window.fps == 1.0


def test_recording_is_switched_on_and_off(
    window: DemoWindow, recorder: Recorder, stage: Stage, tmp_path: Path
) -> None:
    for keys in (["r", "RIGHT"], ["RIGHT"], ["r", "RIGHT"]):
        press(*keys)
        moment = moments(stage)[0]
        recorder.add(moment)
        window.show(moment)
    # The first came before the key, the other two after it.
    saved = [(path.name, frames) for path, frames in recorder.saved]
    assert saved == [("demo_checkpoint_000020_against_random_seed0_1.gif", 2)]
    assert (tmp_path / saved[0][0]).is_file()
    recorder.toggle()
    recorder.add(moments(stage)[0])
    recorder.stop()
    assert recorder.saved[1][0].name.endswith("seed0_2.gif")


def test_a_full_disk_ends_the_recording_only(
    recorder: Recorder, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.start(tmp_path / "a.gif")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording.GifWriter, "add", full)
    recorder.add(moments(stage)[0])
    assert not recorder.on
    assert recorder.failed == f"{tmp_path / 'a.gif'} could not be written: No space left on device"
    assert list(tmp_path.iterdir()) == []
