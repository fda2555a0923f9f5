"""A demo from the first episode to the statistics, in any of the ways to show it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from envs.render.gif import MAX_FPS
from envs.render.window import NoDisplayError
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.recording import Recorder
from trainer.commands.demo.render_mode import without_display
from trainer.commands.demo.results import as_dict, episode_line, summary
from trainer.commands.demo.stage import Moment, Screen, Stage, Wish, show_episodes
from trainer.commands.interrupt import Interrupt
from trainer.errors import EXIT_ERROR, EXIT_INTERRUPTED, UsageError
from trainer.ppo.matches import MatchBlock, Stats, play_blocks
from trainer.reporting.formatting import size
from trainer.reporting.progress_line import Progress
from trainer.reporting.terminal import Style, moves_cursor

MAX_LINES = 100  # of single episodes; more of them would only hide the statistics


class Session:
    """Plays the episodes of a lineup once."""

    def __init__(
        self,
        lineup: Lineup,
        episodes: int,
        fps: float,
        progress: Progress,
        *,
        as_json: bool = False,
    ) -> None:
        """`as_json`: print the statistics as a JSON document, and nothing else."""
        self._lineup = lineup
        self._episodes = episodes
        self._fps = fps
        self._progress = progress
        self._as_json = as_json
        self._played: list[Stats] = []
        self._interrupt = Interrupt()
        self._start: float | None = None  # of playing; nothing is measured that waits for pictures
        # More threads than one only get in each other's way on matrices this small.
        torch.set_num_threads(1)

    def run(self, mode: str, *, explicit: bool, target: Path | None, style: Style) -> int:
        """Plays, records and reports.

        Args:
            mode: human, ansi, rgb_array or none.
            explicit: whether the user asked for the mode, so that no other will do.
            target: the GIF to record to.
            style: of the statistics.

        Returns:
            The exit code: 130 after Ctrl-C, 1 if the recording failed, else 0.

        Raises:
            UsageError: the window or the recording cannot be opened.
        """
        recorder = Recorder(self._lineup, self._fps, self._preview)
        try:
            with self._interrupt:
                if mode == "none" and target is None:
                    self._play_unseen()
                else:
                    self._play_shown(mode, explicit, target, style, recorder)
        except KeyboardInterrupt:  # the second Ctrl-C
            pass
        finally:
            self._progress.clear()
            recorder.stop()
        seconds = None if self._start is None else time.monotonic() - self._start
        self._report(seconds, recorder, style)
        if self._interrupt.requested:
            return EXIT_INTERRUPTED
        return EXIT_ERROR if recorder.failed else 0

    def _play_unseen(self) -> None:
        """As fast as it goes, many episodes at a time."""
        lineup = self._lineup
        block = MatchBlock(lineup.config, lineup.players, lineup.seed)
        block.start(0)
        block.step()  # the first one compiles the game, which is not playing
        self._start = time.monotonic()
        done = 0
        for part in play_blocks(block, self._episodes, self._stopped):
            self._played.append(part)
            for k in range(len(part["length"])):
                row = {name: v[k] for name, v in part.items()}
                self._tell_result(done + k + 1, row, partial(print, flush=True))
            done += len(part["length"])
            self._progress.show(f"played {done} of {self._episodes} episodes", at_once=True)

    def _play_shown(
        self, mode: str, explicit: bool, target: Path | None, style: Style, recorder: Recorder
    ) -> None:
        stage = Stage(self._lineup, self._episodes)
        if target is not None:
            recorder.start(target)
            if self._fps > MAX_FPS:
                print(f"the recording plays at {MAX_FPS:g} fps, the most of a GIF", file=sys.stderr)
        self._progress.clear()
        screen = self._open_screen(mode, explicit, style, recorder)

        def on_result(number: int, row: Mapping[str, float]) -> None:
            self._played.append({name: np.array([v], np.float32) for name, v in row.items()})
            self._tell_result(number, row, screen.print_line)

        try:
            show_episodes(stage, screen, recorder.add, on_result, self._stopped)
        finally:
            screen.close()

    def _open_screen(self, mode: str, explicit: bool, style: Style, recorder: Recorder) -> Screen:
        if mode == "human":
            from trainer.commands.demo.window import DemoWindow

            try:
                return DemoWindow(self._lineup, self._fps, recorder, self._stopped)
            except NoDisplayError as error:
                if explicit:
                    raise UsageError(f"--render human: {error}") from None
                mode = without_display()
                print(f"no window ({error}); showing {mode}", file=sys.stderr)
        if mode == "ansi":
            from trainer.commands.demo.terminal import PipeScreen, TerminalScreen

            if moves_cursor(sys.stdout):
                return TerminalScreen(self._lineup, self._fps, style.color, self._interrupt.wait)
            return PipeScreen()
        return BlindScreen(self._lineup, self._progress, draws=mode == "rgb_array")

    def _stopped(self) -> bool:
        return self._interrupt.requested

    def _preview(self) -> list[Moment]:
        return list(Stage(self._lineup, 1).moments(0))

    def _tell_result(
        self, number: int, row: Mapping[str, float], tell: Callable[[str], None]
    ) -> None:
        if 1 < self._episodes <= MAX_LINES and not self._as_json:
            self._progress.clear()
            tell(episode_line(number, self._episodes, row))

    def _report(self, seconds: float | None, recorder: Recorder, style: Style) -> None:
        for path, frames in recorder.saved:
            print(f"recorded {path}  {frames} frames, {size(path.stat().st_size)}")
        if recorder.failed:
            print(f"error: {recorder.failed}", file=sys.stderr)
        if not self._played:
            print(
                "no episode was played to its end", file=sys.stderr if self._as_json else sys.stdout
            )
            return
        stats = {
            name: np.concatenate([part[name] for part in self._played]) for name in self._played[0]
        }
        if self._as_json:
            print_json(as_dict(self._lineup, stats, seconds))
            return
        print()
        print(*summary(self._lineup, stats, seconds, style), sep="\n")


class BlindScreen(Screen):
    """Shows nothing but how far it has come; draws every frame all the same if asked to."""

    def __init__(self, lineup: Lineup, progress: Progress, draws: bool) -> None:
        self._lineup = lineup
        self._progress = progress
        self._draws = draws
        progress.restart()

    def show(self, moment: Moment) -> Wish:
        """See `Screen.show`."""
        if self._draws:
            from trainer.commands.demo.picture import draw_frame
            from trainer.commands.demo.window import WIDTH

            draw_frame(moment, self._lineup, WIDTH)
        scene = moment.scene
        self._progress.show(
            f"episode {moment.number} of {moment.episodes}, step {scene.time}/{scene.episode_steps}"
        )
        return Wish.CONTINUE
