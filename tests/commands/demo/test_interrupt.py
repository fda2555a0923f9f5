"""Ctrl-C ends the demo's loop wherever it comes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.stage import Moment, Screen, Stage, Wish, show_episodes
from trainer.commands.interrupt import Interrupt
from trainer.ppo.matches import MatchBlock, play_blocks


@pytest.fixture(autouse=True)
def kept_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) == before


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


class PressedWhereExceptionsAreDropped:
    """Its destructor is a place in which Python ignores every exception."""

    def __del__(self) -> None:
        press_ctrl_c()


class PressedScreen(Screen):
    """Shows nothing; Ctrl-C is pressed at one of the moments."""

    def __init__(self, pressed_at: tuple[int, int]) -> None:
        self.pressed_at = pressed_at
        self.shown: list[tuple[int, int]] = []

    def show(self, moment: Moment) -> Wish:
        self.shown.append((moment.number, moment.scene.time))
        if self.shown[-1] == self.pressed_at:
            PressedWhereExceptionsAreDropped()
        return Wish.CONTINUE


@pytest.mark.parametrize(
    ("pressed_at", "finished"), [((1, 0), []), ((2, 3), [1]), ((2, 8), [1, 2]), ((3, 8), [1, 2, 3])]
)
def test_ctrl_c_in_a_destructor_ends_the_loop_after_the_step(
    lineup: Lineup, pressed_at: tuple[int, int], finished: list[int]
) -> None:
    screen, results = PressedScreen(pressed_at), dict[int, dict[str, float]]()
    with Interrupt() as interrupt:
        show_episodes(
            Stage(lineup, 3),
            screen,
            lambda moment: None,
            results.__setitem__,
            lambda: interrupt.requested,
        )
    assert interrupt.requested
    assert screen.shown[-1] == pressed_at
    assert sorted(results) == finished


def test_ctrl_c_ends_episodes_that_nobody_watches_within_a_block(lineup: Lineup) -> None:
    block = MatchBlock(lineup.config, lineup.players, 0)
    asked = []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) == 5

    assert list(play_blocks(block, 10, stopped)) == []
    assert len(asked) == 5
    assert not block.finished.any()


def test_it_counts_where_it_was_to_be_ignored() -> None:
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            press_ctrl_c()
        assert interrupt.requested
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, kept)


def test_the_second_one_leaves_at_once() -> None:
    with Interrupt():
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()


def test_waiting_ends_with_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            press_ctrl_c()

    monkeypatch.setattr(time, "sleep", sleep)
    with Interrupt() as interrupt:
        interrupt.wait(100.0)
        assert len(slept) == 3
        assert max(slept) <= 0.05
        interrupt.wait(100.0)
    assert len(slept) == 3
