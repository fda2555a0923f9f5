"""Ctrl-C ends a table, and a search, with what there is; as a signal to a real process."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from tests.commands.evaluate.conftest import Evaluate
from tests.commands.small_players import GAME
from tests.commands.terminal import Terminal
from trainer.evaluation import cross_table
from trainer.ppo.matches import BLOCK

PROGRAM = ("-m", "trainer.evaluate")


def test_ctrl_c_leaves_with_what_has_been_played(checkpoints: Path) -> None:
    args = ("10", "20", "random", "--games", "100000", "--checkpoint-dir", str(checkpoints))
    # A process that a script starts in the background inherits that Ctrl-C is to be ignored.
    terminal = Terminal([*PROGRAM, *args], [signal.SIGINT])
    terminal.read_until("played ")
    terminal.read_until(" left")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    _, after = terminal.shown.rsplit("\x1b[K", 1)
    assert "Seen: share of the steps" in after
    assert "Nash" not in after.split("Ratings")[1].split("Balance")[0]  # pairings are missing
    assert after.strip().endswith("left after 0 of 9 pairings; the others are shown so far")


def test_what_is_left_of_a_table(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, steps = cross_table.MatchBlock.step, []

    def step(block: cross_table.MatchBlock, worlds: slice) -> None:
        steps.append(1)
        real(block, worlds)
        if len(steps) == GAME["episode_steps"] + 1:  # the first block of games is over
            main_thread_gets_ctrl_c()

    def main_thread_gets_ctrl_c() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            pass  # it has not been noted yet

    monkeypatch.setattr(cross_table.MatchBlock, "step", step)
    monkeypatch.setattr(cross_table, "usable_cores", lambda: 1)
    args = ("20", "random", "--games", str(5 * BLOCK), "--out", "a.png", "--json")
    code, out, err = evaluate(*args)
    assert code == 130
    assert '"complete": false' in out
    assert '"nash_value": null' in out
    assert f'"games": {BLOCK}' in out
    assert "left after 0 of 4 pairings" in err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_before_the_first_game(checkpoints: Path) -> None:
    terminal = Terminal([*PROGRAM, "20", "--checkpoint-dir", str(checkpoints)])
    terminal.read_until("loading ...")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert "left" in terminal.shown


def test_ctrl_c_ends_a_search_with_its_result(weak: Path) -> None:
    args = ("exploit", "1", "--team", "hider", "--games", "32", "--minutes", "1000")
    terminal = Terminal([*PROGRAM, *args, "--checkpoint-dir", str(weak)], [signal.SIGINT])
    terminal.read_until("left")  # of the time, after an iteration
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "On 32 other games, after" in terminal.shown
    assert "against the response" in terminal.shown
    assert "Traceback" not in terminal.shown
